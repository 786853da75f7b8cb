/** Takes from a history what differs from one recording to the next and means nothing for its replay. */

const MEANINGLESS = new Set([
  'taskId',
  'identity',
  'requestId',
  'historySizeBytes',
  'workerVersion',
  'meteringMetadata',
  'header',
  // It names files of the machine that recorded.
  'stackTrace',
]);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface ExportedEvent {
  eventId: string;
  eventTime: string;
  workflowExecutionStartedEventAttributes?: { originalExecutionRunId: string };
}

/**
 * The same history, always the same to the last byte; `runId` is the run's own. Times are a second apart.
 *
 * A replay takes the first run's id for the run's own: in a workflow that was reset, it would not see the reset.
 */
export function tidied(history: { events: ExportedEvent[] }, runId: string): object {
  const ids = new Map<string, string>();
  const tidy = (key: string, value: unknown): unknown => {
    if (MEANINGLESS.has(key)) return undefined;
    if (key === 'taskQueue') return { name: 'recorded' };
    if (typeof value !== 'string' || !UUID.test(value)) return value;
    const known = ids.get(value) ?? `00000000-0000-4000-8000-${String(ids.size + 1).padStart(12, '0')}`;
    ids.set(value, known);
    return known;
  };
  for (const event of history.events) {
    event.eventTime = new Date(Date.UTC(2026, 0, 1) + Number(event.eventId) * 1000).toISOString();
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) started.originalExecutionRunId = runId;
  }
  return JSON.parse(JSON.stringify(history, tidy)) as object;
}
