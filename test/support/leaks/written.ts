/** Everything that a house has written down: the agent's logs and health, Temporal's histories, the simulators' journals. */
import type { Client } from '@temporalio/client';
import type { JournalEntry } from '../../../local/simulators/http-server.js';
import type { House } from '../house.js';
import type { Place, Written } from './search.js';

export async function writtenIn(house: House): Promise<Written[]> {
  const logs = house.logs.map(
    ({ whom, line }): Written => ({
      place: 'log',
      where: `a log line of the ${whom}: ${line.slice(0, 300)}`,
      text: line,
    }),
  );
  return [
    ...logs,
    ...(await healthOf(house)),
    ...(await historiesIn(house.client)),
    ...house.port.journal.map((entry) => requestTo('Port', 'Port', entry)),
    ...[...house.service.journal, ...house.gitlab.journal].map((entry) =>
      requestTo('target', 'a target', entry),
    ),
  ];
}

/** The credentials that a request is made with are what they are for. */
function requestTo(place: Place, whom: string, entry: JournalEntry): Written {
  const { method, path, query, headers, rawBody } = entry;
  const { authorization: _, ...others } = headers;
  const isLogin = place === 'Port' && path.endsWith('/access_token');
  const told = [path, query.toString(), JSON.stringify(place === 'Port' ? others : headers)];
  const text = [...told, isLogin ? '' : rawBody].join('\n');
  return { place, where: `${method} ${path} to ${whom}`, text };
}

/** What `/livez` and `/readyz` of every process say that still runs. */
async function healthOf({ logs }: House): Promise<Written[]> {
  const ports = logs.flatMap(({ line }) => /"port":(\d+),"msg":"health is served/.exec(line)?.[1] ?? []);
  const asked = ports.flatMap((port) =>
    ['livez', 'readyz'].map(async (path): Promise<Written[]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/${path}`).catch(() => undefined);
      if (!answer) return [];
      const text = JSON.stringify([...answer.headers]) + (await answer.text());
      return [{ place: 'health', where: `/${path}`, text }];
    }),
  );
  return (await Promise.all(asked)).flat();
}

/** What Temporal keeps of every workflow, and shows in its lists: the bytes as they are stored, as text. */
export async function historiesIn(client: Client): Promise<Written[]> {
  const found: Written[] = [];
  for await (const listed of client.workflow.list()) {
    const handle = client.workflow.getHandle(listed.workflowId, listed.runId);
    const parts = [listed.raw, (await handle.describe()).raw, await handle.fetchHistory()];
    const where = `the history of ${listed.workflowId} (${listed.type})`;
    found.push({ place: 'history', where, text: parts.map(textOf).join('\n') });
  }
  return found;
}

/** Every text in it, payloads included; its own JSON has those in base64. */
export function textOf(part: unknown): string {
  if (typeof part === 'string') return part;
  if (ArrayBuffer.isView(part))
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('utf8');
  if (typeof part !== 'object' || part === null) return '';
  return Object.entries(part)
    .map(([name, value]) => `${name}\n${textOf(value)}`)
    .join('\n');
}
