#!/usr/bin/env node
/** `temporal-port-agent <command>`: reads the configuration, runs the process, stops it on a signal. */
import { runCodecServer } from '../codec-server/main.js';
import { loadCodecServerConfig } from '../config/codec-server.js';
import { type Config, ConfigurationError, loadConfig } from '../config/config.js';
import { variablesAsText } from '../config/help.js';
import { runIngest } from '../ingest/main.js';
import { runMigrateValues } from '../migrate/main.js';
import { forLog } from '../port/client.js';
import { runSweep } from '../sweep/main.js';
import { Health } from '../telemetry/health.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { installRuntime } from '../telemetry/temporal-logger.js';
import { VERSION } from '../telemetry/version.js';
import { runWorker } from '../worker/main.js';

const USAGE = `Usage: temporal-port-agent <command>

Commands
  worker   carry out runs: call GitLab and webhooks, report to Port
  ingest   start one Temporal workflow for each run that Port publishes
  both     worker and ingest in one process
  sweep    end the runs that Temporal no longer works on and Port still holds open; then stop
  codec-server
           show decrypted payloads in Temporal's UI and command line, to people who may see them
  migrate-values FILE
           print Helm values for this agent, made of a values file of port-agent

Options
  --help      this text, with every environment variable
  --version   the version`;

const ROLES = { worker: [runWorker], ingest: [runIngest], both: [runWorker, runIngest], sweep: [runSweep] };

type ProcessConfig = Pick<Config, 'logLevel' | 'warnings' | 'notices' | 'healthPort'>;
type Half<C> = (config: C, logger: Logger, stop: AbortSignal, health: Health) => Promise<void>;

async function main([argument, ...others]: string[]): Promise<number> {
  if (argument === '--version') return say(VERSION);
  if (argument === '--help' || argument === '-h')
    return say(`${USAGE}\n\nEnvironment variables\n\n${variablesAsText()}`);
  if (argument === 'migrate-values') return runMigrateValues(others);
  if (argument === 'codec-server')
    return runProcess(argument, loadCodecServerConfig(process.env), [runCodecServer]);
  if (argument === undefined || !Object.hasOwn(ROLES, argument)) {
    process.stderr.write(
      `${argument === undefined ? 'A command is missing.' : `There is no command "${argument}".`}\n\n${USAGE}\n`,
    );
    return 2;
  }
  return runProcess(argument, loadConfig(process.env), ROLES[argument as keyof typeof ROLES]);
}

/** Runs until all halves have ended; the exit code is 1 when one of them failed. */
async function runProcess<C extends ProcessConfig>(
  name: string,
  config: C,
  runs: Half<C>[],
): Promise<number> {
  const logger = createLogger(config.logLevel, name);
  for (const warning of config.warnings) logger.warn(warning);
  installRuntime(logger);
  const stop = stopOnSignal(logger);
  logger.info({ version: VERSION, node: process.version }, 'starting');
  for (const notice of config.notices) logger.info(notice);
  const health = new Health();
  const itself = health.part('process', 'starting');
  stop.signal.addEventListener('abort', () => itself.down('shutting down: what is under way is finished'));
  const healthServer = name === 'sweep' ? undefined : await serveHealth(health, config, logger);
  // When one half ends, for whatever reason, the other is stopped as well, in good order.
  const halves = runs.map((run) => run(config, logger, stop.signal, health).finally(() => stop.abort()));
  itself.up();
  const failures = (await Promise.allSettled(halves))
    .flatMap((half) => (half.status === 'rejected' ? [half.reason as Error] : []))
    .filter((error) => error.name !== 'AbortError');
  for (const error of failures) logger.fatal(forLog(error));
  await healthServer?.close();
  logger.info('stopped');
  return failures.length === 0 ? 0 : 1;
}

/** Answers probes until everything has stopped, where a port is configured for it. */
async function serveHealth(
  health: Health,
  config: ProcessConfig,
  logger: Logger,
): Promise<HealthServer | undefined> {
  if (config.healthPort === undefined) return undefined;
  const server = await startHealthServer(health, config.healthPort);
  logger.info({ port: server.port }, 'health is served: /livez and /readyz');
  return server;
}

/** The first signal stops in good order, the second at once. */
function stopOnSignal(logger: Logger): AbortController {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1);
      logger.info({ signal }, 'stopping: what is under way is finished; a second signal exits at once');
      stop.abort();
    });
  }
  return stop;
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`${error instanceof ConfigurationError ? error.message : (error as Error).stack}\n`);
    process.exit(1);
  },
);
