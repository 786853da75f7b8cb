/** The simulators as a container of their own, for `docker compose --profile demo up`. */
import { Kafka, logLevel } from 'kafkajs';
import { actionsOf, PROJECTS } from '../demo/organization.js';
import { startGitlabSimulator } from './gitlab.js';
import { startPortSimulator } from './port.js';
import { startPrivateService } from './private-service.js';

const PORTS = { port: 8080, gitlab: 8081, service: 8082 };
const host = '0.0.0.0';

/** A setting that the compose file gives. */
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see the service "simulators" in docker-compose.yml`);
  return value;
}

const clientSecret = setting('PORT_CLIENT_SECRET');
const producer = new Kafka({
  brokers: setting('KAFKA_BROKERS').split(','),
  logLevel: logLevel.ERROR,
}).producer();
await producer.connect();
await startGitlabSimulator({ projects: PROJECTS, host, port: PORTS.gitlab });
await startPrivateService({ clientSecret, host, port: PORTS.service });
await startPortSimulator({
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
process.stdout.write(
  `Port on ${PORTS.port}, GitLab on ${PORTS.gitlab}, a private service on ${PORTS.service}. Publish a run:\n` +
    `  curl -X POST http://localhost:${PORTS.port}/_simulator/trigger/deploy_service -H 'content-type: application/json' ` +
    `-d '{"properties": {"service": "checkout"}}'\n`,
);
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
