/** A broker that falls silent: it takes connections and answers nothing. */
import { Health } from '../../telemetry/health.js';
import { collecting, until, useKafka } from './kafka.js';

jest.setTimeout(300_000);

const kafka = useKafka();
const { createSource, publish, committed } = kafka;

/** Of the 30 s after which the chart has a process killed, with what else there is to close. */
const GRACE_MS = 25_000;

async function whileSilent(work: () => Promise<void>): Promise<void> {
  kafka.broker.child.signal('SIGSTOP');
  try {
    await work();
  } finally {
    kafka.broker.child.signal('SIGCONT');
  }
}

async function msOf(work: Promise<unknown>): Promise<number> {
  const startedAt = Date.now();
  await work;
  return Date.now() - startedAt;
}

test('a consumer whose broker falls silent is given up, and another one goes on where it was', async () => {
  const { run, topic, groupId, log } = await createSource({ sessionTimeoutMs: 3000 });
  const seen: string[] = [];
  run(collecting(seen));
  await publish(topic, ['before']);
  await until('it consumes', () => seen.length === 1);
  await whileSilent(() =>
    until('it is given up', () => log().includes('Kafka has not answered for three sessions')),
  );
  await publish(topic, ['after']);
  await until('it consumes again', () => seen.includes('after'));
  expect(seen.filter((text) => text === 'after')).toHaveLength(1);
  await until('it is committed', async () => (await committed(groupId, topic)) === '2');
});

test('health tells so once the session is over, and recovers with it', async () => {
  let aheadMs = 0;
  const { run, health } = await createSource(
    { sessionTimeoutMs: 3000 },
    { health: new Health(() => Date.now() + aheadMs) },
  );
  const reasons = () => health.readiness().reasons.map(({ reason }) => reason);
  run(collecting([]));
  await until('it is in its group', () => health.readiness().isGood);
  await whileSilent(async () => {
    await until('it is told', () => reasons().some((reason) => reason.includes('no heartbeat')));
    expect(health.liveness().isGood).toBe(true);
    aheadMs = 300_001;
    expect(health.liveness().reasons).toMatchObject([{ part: 'kafka' }]);
  });
  await until('it is in its group again', () => health.readiness().isGood);
});

describe('a stop ends within the grace', () => {
  test('of a member, with what it could not commit left to the next one', async () => {
    const { run, topic, groupId, source } = await createSource();
    const seen: string[] = [];
    let isSilent = false;
    run(async (batch, context) => {
      await collecting(seen)(batch, context);
      if (isSilent) return {};
      isSilent = true;
      kafka.broker.child.signal('SIGSTOP');
      return {};
    });
    await publish(topic, ['a']);
    await until('the broker is silent', () => isSilent);
    await whileSilent(async () => expect(await msOf(source.stop())).toBeLessThan(GRACE_MS));
    expect(['-1', '1']).toContain(await committed(groupId, topic));
    const next = await createSource({ groupId, runsTopic: topic });
    next.run(collecting(seen));
    await publish(topic, ['b']);
    await until('the next one goes on', () => seen.includes('b'));
  });

  test('while it looks for its topics', async () => {
    let isAsked = false;
    const access = async () => {
      isAsked = true;
      return { brokers: kafka.broker.plaintextBrokers, tls: {} as never };
    };
    const { run, source, log } = await createSource({}, { access });
    await whileSilent(async () => {
      run(collecting([]));
      await until('it is on its way', () => isAsked);
      expect(await msOf(source.stop())).toBeLessThan(GRACE_MS);
    });
    expect(log()).not.toContain('ingester ready');
  });

  test('while it joins, and it is no member afterwards', async () => {
    const { run, source, topic, groupId } = await createSource();
    // Another member that does not come along keeps the group from being shared out anew.
    const other = kafka.clients.kafka.consumer({ groupId, sessionTimeout: 30_000, rebalanceTimeout: 30_000 });
    await other.connect();
    await other.subscribe({ topic, fromBeginning: true });
    let release = () => {};
    const busy = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isBusy = false;
    await other.run({
      eachBatch: async () => {
        isBusy = true;
        await busy;
      },
    });
    await publish(topic, ['a']);
    await until('the other one is busy', () => isBusy);
    run(collecting([]));
    const members = async () => (await kafka.clients.admin.describeGroups([groupId])).groups[0];
    await until('it joins', async () => (await members())?.state === 'PreparingRebalance');
    expect(await msOf(source.stop())).toBeLessThan(GRACE_MS);
    release();
    await until('the other one is alone', async () => {
      const group = await members();
      return group?.state === 'Stable' && group.members.length === 1;
    });
    await other.disconnect();
  });

  test('while Port gives no credentials', async () => {
    let isAsked = false;
    const access = () => {
      isAsked = true;
      return new Promise<never>(() => {});
    };
    const { run, source } = await createSource({}, { access });
    run(collecting([]));
    await until('Port is asked', () => isAsked);
    expect(await msOf(source.stop())).toBeLessThan(GRACE_MS);
  });
});
