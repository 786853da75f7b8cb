/** Starts a workflow at most once, whoever else starts it too. */
import {
  Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import type { Config } from '../config/config.js';
import type { Logger } from '../telemetry/logger.js';
import type { TemporalTarget } from './connection.js';
import { dataConverterOf } from './data-converter.js';
import { openSearchAttributes, type SearchAttributeValues } from './search-attributes.js';

const START_TIMEOUT_MS = 10_000;
const GRPC_INVALID_ARGUMENT = 3;
const GRPC_RESOURCE_EXHAUSTED = 8;

export interface WorkflowStart {
  type: string;
  id: string;
  input: object;
  /** One line for the UI. */
  summary: string;
  /** Markdown for the UI. */
  details: string;
  searchAttributes: SearchAttributeValues;
}

export interface WorkflowStarter {
  /**
   * Resolves once Temporal holds the workflow; one that was started before counts as accepted.
   *
   * @throws NotStartedError when Temporal did not accept it. That is never the record's fault, so the caller waits and repeats.
   */
  start(start: WorkflowStart): Promise<'started' | 'known'>;
}

/** Makes a starter; search attributes that Temporal does not know are left out, with a warning. */
export async function createWorkflowStarter(
  target: TemporalTarget,
  temporal: Pick<Config['temporal'], 'taskQueue' | 'codecKeys'>,
  logger: Logger,
): Promise<WorkflowStarter> {
  const { connection, namespace } = target;
  const { taskQueue } = temporal;
  const client = new Client({ connection, namespace, dataConverter: dataConverterOf(temporal) });
  const attributes = await openSearchAttributes(target, logger);

  async function start(workflow: WorkflowStart): Promise<'started' | 'known'> {
    const typedSearchAttributes = attributes.pairs(workflow.searchAttributes);
    try {
      await connection.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
        client.workflow.start(workflow.type, {
          workflowId: workflow.id,
          taskQueue,
          args: [workflow.input],
          workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          staticSummary: workflow.summary,
          staticDetails: workflow.details,
          typedSearchAttributes,
        }),
      );
      return 'started';
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return 'known';
      if (typedSearchAttributes.length > 0 && isAttributeRefusal(error)) {
        await attributes.refused();
        return start(workflow);
      }
      throw explained(error);
    }
  }
  return { start };
}

/** Temporal answers an unregistered search attribute with a plain INVALID_ARGUMENT. */
function isAttributeRefusal(error: unknown): boolean {
  const cause = (error as Error).cause;
  const isInvalid = isGrpcServiceError(cause) && cause.code === GRPC_INVALID_ARGUMENT;
  return isInvalid && /search attribute/i.test(cause.message);
}

/** Temporal did not take a workflow. */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
  constructor(
    message: string,
    /** Temporal asks for fewer starts at a time. */
    readonly exhausted: boolean,
  ) {
    super(message);
  }
}

/** The client says "Failed to start Workflow"; why stands beneath. */
function explained(error: unknown): NotStartedError {
  const { message, cause } = error as Error;
  const exhausted = isGrpcServiceError(cause) && cause.code === GRPC_RESOURCE_EXHAUSTED;
  return new NotStartedError(cause instanceof Error ? `${message}: ${cause.message}` : message, exhausted);
}
