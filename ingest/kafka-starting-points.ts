/**
 * Where a consumer group starts that has no position yet.
 *
 * "latest" counts at the group's first start only, and its points are committed at once: whatever is new later,
 * or was lost, is read from its beginning, so that no run is skipped. Kafka forgets the positions of a group as a
 * whole; where some are there and some are not, the others' partitions are new.
 */
import type { Consumer } from 'kafkajs';
import type { Config } from '../config/config.js';
import type { Logger } from '../telemetry/logger.js';
import type { Position } from './kafka-positions.js';

export interface StartingPoint {
  topic: string;
  partition: number;
  /** The first record to read. */
  offset: bigint;
}

/** The points that differ from the oldest record. What was lost unread is told, and what the group knows nothing of. */
export function startingPoints(
  positions: Position[],
  { groupId, startFrom }: Pick<Config['kafka'], 'groupId' | 'startFrom'>,
  logger: Logger,
): StartingPoint[] {
  tellLost(positions, logger);
  const fresh = positions.filter(({ committed }) => committed === undefined);
  if (fresh.length === 0) return [];
  const partitions = fresh.map(({ topic, partition }) => `${topic}/${partition}`);
  if (fresh.length < positions.length) {
    logger.warn(
      { groupId, partitions },
      'these partitions are new to the consumer group, and are read from the oldest record there is',
    );
    return [];
  }
  const where = startFrom === 'latest' ? 'at the end' : 'with the oldest record there is';
  logger.warn(
    { groupId, partitions },
    `the consumer group has no position, and starts ${where}: it is new, or was away for so long that Kafka forgot it`,
  );
  if (startFrom !== 'latest') return [];
  return fresh.map(({ topic, partition, high }) => ({ topic, partition, offset: high }));
}

/**
 * Goes to the points of the partitions that are assigned to this consumer, and commits them; where another member
 * has committed something meanwhile, that counts. `look` asks for the group's positions. A consumer that has just
 * joined is not running yet as far as kafkajs is concerned, and drops a commit without a word: hence after `run`.
 */
export async function pin(
  consumer: Consumer,
  points: StartingPoint[],
  assigned: Record<string, number[]>,
  look: () => Promise<Position[]>,
): Promise<void> {
  const mine = points.filter(({ topic, partition }) => assigned[topic]?.includes(partition));
  if (mine.length === 0) return;
  const positions = await look();
  const uncommitted: StartingPoint[] = [];
  for (const point of mine) {
    const { topic, partition } = point;
    const committed = positions.find((at) => at.topic === topic && at.partition === partition)?.committed;
    if (committed === undefined) uncommitted.push(point);
    consumer.seek({ topic, partition, offset: String(committed ?? point.offset) });
  }
  await consumer.commitOffsets(uncommitted.map((point) => ({ ...point, offset: String(point.offset) })));
}

function tellLost(positions: Position[], logger: Logger): void {
  for (const { topic, partition, committed, low } of positions) {
    if (committed === undefined || committed >= low) continue;
    const records = Number(low - committed);
    logger.error(
      { topic, partition, committed: String(committed), first: String(low), records },
      `Kafka deleted ${records} records before they were read: the ingester was away for longer than the topic keeps them. Look for runs in Port that are still open`,
    );
  }
}
