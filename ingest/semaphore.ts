/** Lets so many through at the same time; the rest wait in order. How many is narrowed under pressure, and widened again. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];
  private inUse = 0;
  private limit: number;

  constructor(private readonly most: number) {
    this.limit = most;
  }

  async acquire(): Promise<void> {
    if (this.inUse < this.limit) {
      this.inUse++;
      return;
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  release(): void {
    this.inUse--;
    this.letThrough();
  }

  /** Half as many from now on, but one; those who are through stay so. */
  narrow(): void {
    this.limit = Math.max(1, Math.floor(this.limit / 2));
  }

  /** One more, up to as many as there were at first. */
  widen(): void {
    this.limit = Math.min(this.most, this.limit + 1);
    this.letThrough();
  }

  private letThrough(): void {
    while (this.inUse < this.limit) {
      const next = this.waiting.shift();
      if (!next) return;
      this.inUse++;
      next();
    }
  }
}
