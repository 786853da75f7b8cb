/** The connection settings of a Kafka client, as the configuration and Port give them. */
import type { SecureContext } from 'node:tls';
import { Kafka, type KafkaConfig } from 'kafkajs';
import type { Config } from '../config/config.js';
import type { Logger } from '../telemetry/logger.js';
import { kafkaLog } from './kafka-log.js';

export interface KafkaAccess {
  brokers: string[];
  sasl?: { username: string; password: string };
  /** Whom to trust, where the connection is secured. */
  tls: SecureContext;
}

export function createKafkaClient(settings: Config['kafka'], access: KafkaAccess, logger: Logger): Kafka {
  const { username, password } = access.sasl ?? {};
  return new Kafka({
    clientId: 'temporal-port-agent',
    brokers: access.brokers,
    ssl: settings.securityProtocol.endsWith('ssl') && { secureContext: access.tls },
    // The default of one second is too short for TLS to a cloud.
    connectionTimeout: 10_000,
    // So long before an authentication ends, it is renewed. The default of ten seconds is more than a strict broker gives.
    reauthenticationThreshold: 2000,
    ...(username !== undefined &&
      password !== undefined &&
      settings.mechanism !== 'none' && {
        sasl: { mechanism: settings.mechanism, username, password } as NonNullable<KafkaConfig['sasl']>,
      }),
    logCreator: kafkaLog(logger),
  });
}
