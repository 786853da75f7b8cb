/** The options of `npm start`, and what is wrong with those given. */
import { parseArgs } from 'node:util';
import { assertPortFree } from '../parts/ports.js';
import type { StackPorts } from '../stack.js';

export const USAGE = `Usage: npm start [-- options]
  --once                 publish the demo's runs, print what came of them, stop; exit 0 if all came out as expected
  --temporal-port N      fixed ports instead of free ones
  --ui-port N
  --kafka-port N
  --port-port N          Port's simulator
  --gitlab-port N
  --service-port N       the private service
  --verbose              show the log of worker and ingester`;

export interface Options {
  once: boolean;
  verbose: boolean;
  ports: StackPorts;
}

/** Options that the user has to correct; the message is followed by the usage. */
export class BadOptions extends Error {}

const PORTS: [keyof StackPorts, flag: string, part: string][] = [
  ['temporal', 'temporal-port', 'Temporal'],
  ['ui', 'ui-port', "Temporal's UI"],
  ['kafka', 'kafka-port', 'Kafka'],
  ['port', 'port-port', "Port's simulator"],
  ['gitlab', 'gitlab-port', "GitLab's simulator"],
  ['service', 'service-port', 'The private service'],
];

/** @throws BadOptions */
export function readOptions(args: string[]): Options {
  const values = parse(args);
  const ports: StackPorts = {};
  for (const [key, flag] of PORTS) {
    const given = values[flag];
    if (given === undefined) continue;
    const port = Number(given);
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new BadOptions(`--${flag} is not a port: ${given}`);
    const other = PORTS.find(([otherKey]) => ports[otherKey] === port);
    if (other) throw new BadOptions(`--${other[1]} and --${flag} are the same port: ${port}`);
    ports[key] = port;
  }
  return { once: values['once'] === true, verbose: values['verbose'] === true, ports };
}

/** Looks at all of them before anything starts. @throws PartFailed, naming the part, the port and the flag. */
export async function assertPortsFree(ports: StackPorts): Promise<void> {
  for (const [key, flag, part] of PORTS) {
    const port = ports[key];
    if (port !== undefined) await assertPortFree(port, part, `--${flag}`);
  }
}

function parse(args: string[]): Record<string, string | boolean | undefined> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        once: { type: 'boolean' },
        verbose: { type: 'boolean' },
        ...Object.fromEntries(PORTS.map(([, flag]) => [flag, { type: 'string' as const }])),
      },
    });
    return values;
  } catch (error) {
    throw new BadOptions(error instanceof Error ? error.message : String(error));
  }
}
