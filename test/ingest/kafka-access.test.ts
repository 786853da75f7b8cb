/** What a broker may demand of a client while it runs: to authenticate again, with a new password, and with rights. */
import { createSecureContext } from 'node:tls';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import type { KafkaAccess } from '../../ingest/kafka-client.js';
import { type RunningKafka, startKafka } from '../../local/parts/kafka.js';
import { until } from '../support/house.js';
import {
  type Clients,
  collecting,
  createSource,
  numbered,
  openClients,
  stopSources,
  topicName,
} from '../support/kafka/source.js';

const LONG_MS = 90_000;
/** How long an authentication lasts. A client may not renew it within a second of the last time. */
const SESSION_MS = 5000;

let broker: RunningKafka;
let clients: Clients;

beforeAll(async () => {
  broker = await startKafka({
    username: 'org',
    password: 'secret',
    topics: [],
    properties: {
      'listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms': String(SESSION_MS),
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // Who comes over the plain listener has no name.
      'super.users': 'User:ANONYMOUS;User:org',
    },
  });
  clients = await openClients(broker.plaintextBrokers);
}, 2 * LONG_MS);
afterEach(stopSources, LONG_MS);
afterAll(async () => {
  await clients?.close();
  await broker?.stop();
});

const scram = { securityProtocol: 'sasl_ssl', mechanism: 'scram-sha-512' } as const;

const accessAs = (username: string, password: string): KafkaAccess => ({
  brokers: broker.brokers,
  sasl: { username, password },
  tls: createSecureContext({ ca: broker.caPem }),
});

test(
  'a consumer authenticates again while it reads, and stays in its group',
  async () => {
    const topic = topicName();
    await broker.createTopics([{ name: topic, partitions: 1 }]);
    const { run, said } = createSource(topic, async () => accessAs('org', 'secret'), scram);
    const seen: string[] = [];
    run(collecting(seen));
    const published = ['run-0'];
    await clients.publish(topic, 0, published);
    await until('it reads', () => seen.length > 0, LONG_MS);
    const startedAt = Date.now();
    // Whoever has not renewed it by then is cut off by the broker.
    await until(
      'it has read for longer than an authentication lasts',
      async () => {
        if (seen.length < published.length) return false;
        const value = `run-${published.length}`;
        published.push(value);
        await clients.publish(topic, 0, [value]);
        return Date.now() - startedAt > 1.3 * SESSION_MS;
      },
      2 * LONG_MS,
    );
    await until('the last one is read', () => seen.length >= published.length, LONG_MS);
    expect(seen).toEqual(published);
    expect(said().filter((line) => line === 'ingester ready')).toHaveLength(1);
  },
  4 * LONG_MS,
);

test(
  'a password that changes while a consumer runs is asked for anew, and nothing is lost',
  async () => {
    const topic = topicName();
    await broker.createTopics([{ name: topic, partitions: 1 }]);
    let password = 'first-password';
    await broker.setPassword('org', password);
    const passwordsGiven: string[] = [];
    const { run, log, said, health, groupId } = createSource(
      topic,
      async () => {
        passwordsGiven.push(password);
        return accessAs('org', password);
      },
      scram,
    );
    const seen: string[] = [];
    run(collecting(seen));
    const published = numbered('run-', 3);
    await clients.publish(topic, 0, published);
    await until('it reads', () => seen.length >= published.length, LONG_MS);

    password = 'second-password';
    await broker.setPassword('org', password);
    await until(
      'it has joined with the new one',
      async () => {
        const value = `run-${published.length}`;
        published.push(value);
        await clients.publish(topic, 0, [value]);
        return passwordsGiven.includes(password) && health.readiness().isGood;
      },
      LONG_MS,
    );
    await until('everything is read', () => new Set(seen).size === published.length, LONG_MS);
    expect([...new Set(seen)]).toEqual(published);
    expect(said().join()).toContain('Kafka refuses the user name and password');
    expect(JSON.stringify(log())).not.toMatch(/(first|second)-password/);
    await until(
      'everything is committed',
      async () => (await clients.committed(groupId, topic))[0] === String(published.length),
      LONG_MS,
    );
  },
  4 * LONG_MS,
);

test(
  'that the user may not use its group is told by log and readiness, and it goes on once it may',
  async () => {
    const topic = topicName();
    await broker.createTopics([{ name: topic, partitions: 1 }]);
    await broker.setPassword('guest', 'secret');
    const { run, log, health, groupId } = createSource(topic, async () => accessAs('guest', 'secret'), scram);
    await allowReading(AclResourceTypes.TOPIC, topic);
    await clients.publish(topic, 0, ['a', 'b']);
    const seen: string[] = [];
    run(collecting(seen));
    await until('the reason was told twice', () => refusals(log()) > 1, LONG_MS);
    expect(health.readiness().reasons).toMatchObject([
      { part: 'kafka', reason: expect.stringContaining('KAFKA_CONSUMER_GROUP_ID') },
    ]);
    expect(seen).toEqual([]);

    await allowReading(AclResourceTypes.GROUP, groupId);
    await until('it reads', () => seen.length === 2, LONG_MS);
    expect(seen).toEqual(['a', 'b']);
    await until('it is well', () => health.readiness().isGood, LONG_MS);
    await until('it commits', async () => (await clients.committed(groupId, topic))[0] === '2', LONG_MS);
  },
  4 * LONG_MS,
);

const refusals = (log: Record<string, unknown>[]): number =>
  log.filter((line) => JSON.stringify(line).includes('Group authorization failed')).length;

/** Lets the user `guest` read it. */
async function allowReading(resourceType: AclResourceTypes, resourceName: string): Promise<void> {
  await clients.admin.createAcls({
    acl: [
      {
        ...{ resourceType, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL },
        ...{ principal: 'User:guest', host: '*' },
        ...{ operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW },
      },
    ],
  });
}
