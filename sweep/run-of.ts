/** Which run of Port's a workflow is about, and what Port is to be told of it when it is open there. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { notCarriedOut } from '../port/end-run.js';
import { type Json, textAt } from '../port/message.js';
import type { Logger } from '../telemetry/logger.js';
import { UndecipherableError } from '../temporal/codec/encryption.js';

export interface SweptRun {
  runId: string;
  summary: string;
}

type Closed = Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'type' | 'status' | 'historyLength'>;

const REJECTION = 'rejectMessage';
const SUMMARY =
  'The workflow of this run was ended in Temporal before its outcome was reported; the target may have been reached. ' +
  'Look at the target before running the action again.';
/** Started, its first task in three events, failed: a workflow that fails so soon had nobody told anything. */
const EVENTS_WITHOUT_A_STEP = 5;

/** Whether there is nobody to tell, by what a list of workflows shows: most rejections name no run. */
export function concernsNobody({ workflowId, type, status, historyLength }: Closed): boolean {
  // A change of the catalogue is reported to nobody.
  if (workflowId.startsWith('change/')) return true;
  return type === REJECTION && status.name === 'FAILED' && historyLength <= EVENTS_WITHOUT_A_STEP;
}

/** The run of a closed workflow; undefined for a rejection that names none, or that can't be read. */
export async function runOf(workflow: Closed, client: Client, logger: Logger): Promise<SweptRun | undefined> {
  if (workflow.type !== REJECTION) return { runId: workflow.workflowId, summary: SUMMARY };
  const input = await inputOf(workflow, client, logger);
  const runId = textAt(input, 'reportTo');
  if (runId === undefined) return undefined;
  const reason = textAt(input, 'reason') ?? 'its message was rejected';
  return { runId, summary: notCarriedOut({ reason, advice: textAt(input, 'advice') ?? '' }) };
}

/** What a workflow was started with; read out of its history, which a rejection's is short enough for. */
async function inputOf(
  { workflowId, runId }: Closed,
  client: Client,
  logger: Logger,
): Promise<Json | undefined> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const { loadedDataConverter, namespace } = client.options;
  try {
    let payloads = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    for (const codec of loadedDataConverter.payloadCodecs)
      payloads = await codec.decode(payloads, { type: 'workflow', namespace, workflowId });
    return payloads[0] && loadedDataConverter.payloadConverter.fromPayload<Json>(payloads[0]);
  } catch (error) {
    // What a parser says may quote what it reads.
    const reason = error instanceof UndecipherableError ? error.message : 'it is no JSON';
    logger.warn({ workflowId, reason }, "can't be read, so the run that it names is left as it is");
    return undefined;
  }
}
