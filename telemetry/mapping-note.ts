/** The fate of the mapping file goes into the log, and while a change of it can't be used, into the notes. */
import type { Health } from './health.js';
import type { Logger } from './logger.js';

/** Where `openMappings` tells of a file that was loaded (`info`) and of one that can't be used (`error`). */
export function mappingLog(logger: Logger, health: Health) {
  const note = health.note('mapping file');
  return {
    info(context: object, text: string): void {
      note.up();
      logger.info(context, text);
    },
    warn: (text: string): void => logger.warn(text),
    error(context: object, text: string): void {
      note.down(
        "the changed file can't be used; the mappings stay as they were. The log names what is wrong",
      );
      logger.error(context, text);
    },
  };
}
