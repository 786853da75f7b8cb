/** What there is to read, where the consumer group stands, and what the topics hold. */
import type { Admin, Kafka } from 'kafkajs';
import type { Config } from '../config/config.js';

export interface Position {
  topic: string;
  partition: number;
  /** The next record to read; undefined when the group has committed nothing, or Kafka forgot it. */
  committed?: bigint;
  /** The oldest record that is still there. */
  low: bigint;
  /** Where the next record will be written. */
  high: bigint;
}

export interface Survey {
  /** The topics of runs and of the change log, which organizations that came late do not have. */
  topics: string[];
  /** Of all their partitions. */
  positions: Position[];
}

/** What Kafka's protocol calls the oldest record; kafkajs commits it when what the group was to read next is gone. */
const OLDEST = '-2';

export async function survey(kafka: Kafka, settings: Config['kafka']): Promise<Survey> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const found = await admin.listTopics();
    const hasChanges = found.includes(settings.changeLogTopic);
    const topics = hasChanges ? [settings.runsTopic, settings.changeLogTopic] : [settings.runsTopic];
    return { topics, positions: await positionsOf(admin, settings.groupId, topics) };
  } finally {
    await admin.disconnect();
  }
}

async function positionsOf(admin: Admin, groupId: string, topics: string[]): Promise<Position[]> {
  const groups = await admin.fetchOffsets({ groupId, topics });
  const held = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
  return topics.flatMap((topic, index) => {
    const offsets = groups.find((group) => group.topic === topic)?.partitions ?? [];
    return (held[index] ?? []).map(({ partition, low, high }): Position => {
      const offset = offsets.find((each) => each.partition === partition)?.offset ?? '-1';
      const committed = BigInt(offset === OLDEST ? low : offset);
      return {
        topic,
        partition,
        low: BigInt(low),
        high: BigInt(high),
        ...(committed >= 0n && { committed }),
      };
    });
  });
}
