/** fast-check with a fixed seed: a run that was green stays green. `FUZZ_SEED` looks elsewhere. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 20_261_121) });

export { fc };
