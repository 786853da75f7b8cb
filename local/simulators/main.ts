/** The simulators as a container of their own, and the demo's runs: `docker compose --profile demo up`. */
import { Kafka, logLevel } from 'kafkajs';
import { actionsOf, PROJECTS } from '../demo/organization.js';
import { DEMO_RUNS, type DemoRun } from '../demo/runs.js';
import { startGitlabSimulator } from './gitlab.js';
import { type PortSimulator, startPortSimulator } from './port.js';
import { startPrivateService } from './private-service.js';

const PORTS = { port: 8080, gitlab: 8081, service: 8082 };
const host = '0.0.0.0';
/** The agent may still be starting. */
const RUN_TIMEOUT_MS = 180_000;

/** A setting that the compose file gives. */
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see the service "simulators" in docker-compose.yml`);
  return value;
}

/** Publishes one of the demo's runs, and says how it came out. */
async function demonstrate(port: PortSimulator, { action, how, check }: DemoRun): Promise<void> {
  const runId = await port.trigger(action, how);
  await port.waitFor(runId, (run) => check(run) === undefined, RUN_TIMEOUT_MS).catch(() => {});
  const run = port.run(runId);
  const wrong = check(run);
  say([wrong ? '✗' : '✓', runId, action, run.status, wrong && `WRONG: ${wrong}`].filter(Boolean).join('  '));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
const clientSecret = setting('PORT_CLIENT_SECRET');
const producer = new Kafka({
  brokers: setting('KAFKA_BROKERS').split(','),
  logLevel: logLevel.ERROR,
}).producer();
await producer.connect();
await startGitlabSimulator({ projects: PROJECTS, host, port: PORTS.gitlab });
await startPrivateService({ clientSecret, host, port: PORTS.service });
const port = await startPortSimulator({
  orgId: setting('PORT_ORG_ID'),
  clientId: setting('PORT_CLIENT_ID'),
  clientSecret,
  kafka: {
    brokers: setting('AGENT_KAFKA_BROKERS').split(','),
    username: setting('AGENT_KAFKA_USERNAME'),
    password: setting('AGENT_KAFKA_PASSWORD'),
  },
  publish: async (topic, value) => {
    await producer.send({ topic, messages: [{ value }] });
  },
  // The name by which the worker reaches it inside the compose network.
  actions: actionsOf(`http://simulators:${PORTS.service}`),
  host,
  port: PORTS.port,
});
say(`Port on ${PORTS.port}, GitLab on ${PORTS.gitlab}, a private service on ${PORTS.service}. Publish a run:
  curl -X POST http://localhost:${PORTS.port}/_simulator/trigger/deploy_service -H 'content-type: application/json' \\
       -d '{"properties": {"service": "checkout"}}'
Publishing ${DEMO_RUNS.length} runs, some of which fail on purpose …`);
await Promise.all(DEMO_RUNS.map((demo) => demonstrate(port, demo)));
say('All runs are through. Look at them in the Temporal UI: http://localhost:8233');
