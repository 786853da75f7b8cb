/** fast-check with a fixed seed: a run that was green stays green. `FUZZ_SEED` looks elsewhere, `FUZZ_RUNS` longer. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 20_261_121) });

/** How many inputs a property is tried on: bounded here, more on demand. */
export const FUZZ_RUNS = Number(process.env['FUZZ_RUNS'] ?? 1000);

export { fc };
