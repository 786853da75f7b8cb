/** Build step: bundles the workflows once, so that a worker starts without a compiler. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)),
  logger: {
    log() {},
    trace() {},
    debug() {},
    info() {},
    warn() {},
    error: (message: string) => process.stderr.write(`${message}\n`),
  },
});
await writeFile(new URL('./workflow-bundle.js', import.meta.url), code);
