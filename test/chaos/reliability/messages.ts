/** Messages of runs that Port has told nobody of, as Port would have written them, to be published by the test. */
import type { Run } from '../../../local/simulators/port.js';
import { buildRunMessage, signMessage } from '../../../local/simulators/port-message.js';
import type { Site } from './site.js';

export type Message = ReturnType<typeof buildRunMessage>;

/** The message of a run, for an agent, and unsigned. */
export function messageOf({ invocation }: Run): Message {
  return buildRunMessage({ ...invocation, method: { ...invocation.method, agent: true } as never });
}

/** Signs as Port does, unless with another secret. */
export function sign(message: Message, site: Site, secret?: string): Message {
  const ours = site.house.environment['PORT_CLIENT_SECRET'] ?? '';
  return signMessage(message, secret ?? ours, Math.floor(Date.now() / 1000), 'WEBHOOK');
}

export function signed(run: Run, site: Site): Message {
  return sign(messageOf(run), site);
}
