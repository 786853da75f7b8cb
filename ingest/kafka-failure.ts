/** Why a consumer died, and what to do about it. kafkajs wraps its errors; their names are what is left of them. */

export interface Failure {
  /** For the log. */
  reason: string;
  /** For health, which everybody may read: a fixed sentence, no error's text. */
  advice: string;
}

const REACHABLE = 'Check that the brokers can be reached from here';
/** kafkajs keeps the reason to itself: it stands in the line that it logs before. */
const NO_COORDINATOR =
  "Check that the user may read the group KAFKA_CONSUMER_GROUP_ID, whose name begins with the organization's id in Port's Kafka";
/** Port's Kafka, mostly: what is there already can't be read by any setting of the agent's. */
const COMPRESSED =
  'A topic holds records that are compressed with Snappy, LZ4 or Zstandard; the agent reads gzip and uncompressed ones. Have their producer use one of these, or set compression.type=gzip on the topic, which counts for new records';

export function explain(failure: unknown): Failure {
  const said = failure instanceof Error ? failure.message : 'unknown reason';
  if (isRefusedPassword(failure)) {
    const advice = "Kafka refuses the user name and password that Port's API gave; they are fetched again";
    return { reason: `${said}. ${advice}`, advice: REACHABLE };
  }
  if (has(failure, 'KafkaJSNotImplemented')) return { reason: `${said}. ${COMPRESSED}`, advice: COMPRESSED };
  if (has(failure, 'KafkaJSGroupCoordinatorNotFound'))
    return { reason: `${said}. ${NO_COORDINATOR}`, advice: `${REACHABLE}. ${NO_COORDINATOR}` };
  return { reason: said, advice: REACHABLE };
}

/** Also where the connection broke while the password was being checked: kafkajs does not tell these apart. */
export function isRefusedPassword(failure: unknown): boolean {
  return has(failure, 'KafkaJSSASLAuthenticationError');
}

/** Whether the error, or one that caused it, has this name. */
function has(failure: unknown, name: string): boolean {
  return failure instanceof Error && (failure.name === name || has(failure.cause, name));
}
