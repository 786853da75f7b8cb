/** Ways to change a message of Port's. */
import { type buildRunMessage, signMessage } from '../../../local/simulators/port-message.js';

export type Message = ReturnType<typeof buildRunMessage>;

/** Such a number takes 4 characters where it is read, and 21 where JavaScript writes it. */
const GROWING = 1e20;

export function messageSigned(message: Message, clientSecret: string): Message {
  const payload = message['payload'] as { action?: { invocationMethod?: { type?: unknown } } } | null;
  const type = payload?.action?.invocationMethod?.type === 'GITLAB' ? 'GITLAB' : 'WEBHOOK';
  return signMessage(message, clientSecret, 1_800_000_000, type);
}

/** The message with one of its values, at any depth, replaced by another; the `at`th, counted round and round. */
export function replaceSomewhere(message: Message, at: number, value: unknown): Message {
  const copy = structuredClone(message);
  const places = placesIn(copy);
  const { holder, key } = places[at % places.length] ?? { holder: copy, key: 'filling' };
  holder[key] = value;
  return copy;
}

function placesIn(holder: Record<string, unknown>): { holder: Record<string, unknown>; key: string }[] {
  return Object.entries(holder).flatMap(([key, value]) => {
    const inner = typeof value === 'object' && value !== null ? placesIn(value as typeof holder) : [];
    return [{ holder, key }, ...inner];
  });
}

export function nestedText(levels: number): string {
  return `${'['.repeat(levels)}1${']'.repeat(levels)}`;
}

/** Under the limit as it is published, and three times of it once it is written again. */
export function withGrowingNumbers(message: Message): Message {
  return { ...message, filling: Array.from({ length: 250_000 }, () => GROWING) };
}
