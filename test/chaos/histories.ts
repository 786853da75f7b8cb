/** Every workflow that Temporal holds, read from its history: how it ended, when it called, all that stands in it. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { textOf } from '../support/leaks/written.js';
import type { WorkflowEvidence } from './evidence.js';

const SIDE_BY_SIDE = 8;

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<NonNullable<History['events']>[number]>;

export interface WorkflowJournal {
  workflows: WorkflowEvidence[];
  histories: { id: string; text: string }[];
}

export async function workflowsOf(client: Client): Promise<WorkflowJournal> {
  const listed: WorkflowExecutionInfo[] = [];
  for await (const workflow of client.workflow.list()) listed.push(workflow);
  const journal: WorkflowJournal = { workflows: [], histories: [] };
  const next = listed.values();
  const read = async (): Promise<void> => {
    for (const { workflowId: id, runId } of next) {
      const history = await client.workflow.getHandle(id, runId).fetchHistory();
      journal.workflows.push(workflowOf(id, history.events ?? []));
      journal.histories.push({ id, text: textOf(history) });
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, read));
  return journal;
}

function workflowOf(id: string, events: HistoryEvent[]): WorkflowEvidence {
  const last = events.at(-1);
  const failure = last?.workflowExecutionFailedEventAttributes?.failure?.message;
  const call = callIn(events);
  const status = statusOf(last);
  return {
    id,
    status,
    startedMs: timeOf(events[0]),
    ...(status !== 'running' && { closedMs: timeOf(last) }),
    ...(failure && { failure }),
    ...(call && { call }),
  };
}

function statusOf(last: HistoryEvent | undefined): WorkflowEvidence['status'] {
  if (last?.workflowExecutionCompletedEventAttributes) return 'completed';
  if (last?.workflowExecutionFailedEventAttributes) return 'failed';
  if (last?.workflowExecutionCanceledEventAttributes) return 'canceled';
  if (last?.workflowExecutionTerminatedEventAttributes) return 'terminated';
  if (last?.workflowExecutionTimedOutEventAttributes) return 'timed out';
  return 'running';
}

/** An activity's start is written down when it ends, and is that of its last attempt. */
function callIn(events: HistoryEvent[]): WorkflowEvidence['call'] {
  const scheduled = events.find(
    ({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name === 'invoke',
  );
  const isOfCall = (it: { scheduledEventId?: unknown } | null | undefined): boolean =>
    it != null && String(it.scheduledEventId) === String(scheduled?.eventId);
  const started = events.find((event) => isOfCall(event.activityTaskStartedEventAttributes));
  const ended = events.find(
    (event) =>
      isOfCall(event.activityTaskCompletedEventAttributes) ||
      isOfCall(event.activityTaskFailedEventAttributes) ||
      isOfCall(event.activityTaskTimedOutEventAttributes),
  );
  return started && ended ? { fromMs: timeOf(started), toMs: timeOf(ended) } : undefined;
}

function timeOf(event: HistoryEvent | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6;
}
