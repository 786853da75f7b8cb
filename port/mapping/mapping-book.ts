/** The mappings of a process: the file as it is now, and what evaluates it. Ingester and worker open one each. */
import type { Environment } from '../../config/config.js';
import { createEvaluator, type Evaluator } from './evaluator.js';
import { mappingEnvironment } from './mapped-environment.js';
import type { Mapping } from './mapping.js';
import { watchMappings } from './mapping-file.js';

/** Two at a time: jq keeps a core busy. */
/** So many filters are evaluated side by side. */
export const JQ_THREADS = 2;
const LIMITS = { threads: JQ_THREADS, deadlineMs: 5000, maxMemoryMb: 256 };

/** Where the fate of the file is told. */
export interface MappingLog {
  info(context: object, text: string): void;
  warn(text: string): void;
  error(context: object, text: string): void;
}

export interface MappingBook {
  readonly mappings: readonly Mapping[];
  readonly evaluator: Evaluator;
  /** What `env` shows to mappings. */
  readonly environment: Environment;
  close(): Promise<void>;
}

/**
 * Opens the mapping file and follows its changes.
 *
 * @throws MappingFileError naming everything in the file that can't be used.
 */
export async function openMappings(
  file: string,
  environment: Environment,
  log: MappingLog,
): Promise<MappingBook> {
  const evaluator = createEvaluator(LIMITS);
  try {
    const watch = await watchMappings(file, {
      compile: evaluator.compile,
      onChange({ mappings, version, warnings }) {
        log.info({ file, version, mappings: mappings.length }, 'mappings loaded');
        for (const warning of warnings) log.warn(warning);
      },
      onProblem(problems) {
        log.error(
          { file, problems },
          "the changed mapping file can't be used; the mappings stay as they were",
        );
      },
    });
    return {
      get mappings() {
        return watch.current.mappings;
      },
      evaluator,
      environment: mappingEnvironment(environment),
      async close() {
        watch.close();
        await evaluator.close();
      },
    };
  } catch (error) {
    await evaluator.close();
    throw error;
  }
}
