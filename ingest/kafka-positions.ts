/** Where a consumer group stands, and what its topics hold. */
import type { Kafka } from 'kafkajs';

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

export async function positionsOf(kafka: Kafka, groupId: string, topics: string[]): Promise<Position[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const groups = await admin.fetchOffsets({ groupId, topics });
    const held = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return topics.flatMap((topic, index) => {
      const offsets = groups.find((group) => group.topic === topic)?.partitions ?? [];
      return (held[index] ?? []).map(({ partition, low, high }): Position => {
        const committed = BigInt(offsets.find((each) => each.partition === partition)?.offset ?? -1);
        return {
          topic,
          partition,
          low: BigInt(low),
          high: BigInt(high),
          ...(committed >= 0n && { committed }),
        };
      });
    });
  } finally {
    await admin.disconnect();
  }
}
