/**
 * Build step: bundles the workflows once, so that a worker starts without a compiler. How failures are written down is
 * part of a bundle, so there is a second one for encrypted histories.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { FAILURE_CONVERTER_PATH } from '../temporal/data-converter.js';

const OPTIONS = {
  workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)),
  logger: {
    log() {},
    trace() {},
    debug() {},
    info() {},
    warn() {},
    error: (message: string) => process.stderr.write(`${message}\n`),
  },
};
const plain = await bundleWorkflowCode(OPTIONS);
await writeFile(new URL('./workflow-bundle.js', import.meta.url), plain.code);
const encrypted = await bundleWorkflowCode({ ...OPTIONS, failureConverterPath: FAILURE_CONVERTER_PATH });
await writeFile(new URL('./workflow-bundle-encrypted.js', import.meta.url), encrypted.code);
