/**
 * Executing: a definition becomes a run, and the run reaches the agent, over Kafka or as something to claim.
 *
 * Guessed: that POLLING keeps runs off Kafka altogether; that a KAFKA action is never there to claim.
 */
import { type ActionDefinition, isTrue, prepareInvocation, type TriggerOptions } from './port-actions.js';
import { buildNodeMessage, buildRunMessage, signMessage } from './port-message.js';
import type { NodeBook, NodeConfig, NodeConfigInput } from './port-nodes.js';
import { type Body, refusal } from './port-requests.js';
import { newId, type Run, type RunBook } from './port-runs.js';

export interface DispatchDeps {
  orgId: string;
  clientSecret: string;
  /** Left out, every run waits to be claimed. */
  publish: ((topic: string, value: string, key?: string) => Promise<void>) | undefined;
  actions: Map<string, ActionDefinition>;
  settings: { portAgentStreamerName?: string };
  book: RunBook;
  nodes: NodeBook;
  now: () => number;
}

export interface Dispatch {
  /** Throws the `Refusal` that the API answers with. */
  execute(actionIdentifier: string, options: TriggerOptions): Promise<Run>;
  /** Hands a run to the agent. */
  release(run: Run): Promise<void>;
  triggerNode(config: NodeConfigInput): Promise<string>;
  publishRaw(value: string, topic?: string, key?: string): Promise<void>;
}

export function createDispatch(deps: DispatchDeps): Dispatch {
  const { orgId, clientSecret, settings, book, nodes, now } = deps;
  const viaKafka = (): boolean => deps.publish !== undefined && settings.portAgentStreamerName !== 'POLLING';
  const sign = (message: Body, type: 'WEBHOOK' | 'GITLAB'): Body =>
    signMessage(message, clientSecret, Math.floor(now() / 1000), type);

  // The message key is undocumented, so there is none to rely on.
  async function publishRaw(value: string, topic = `${orgId}.runs`, key?: string): Promise<void> {
    if (!deps.publish) throw new Error('The simulator of Port was started without `publish`');
    await deps.publish(topic, value, key);
  }

  async function release(run: Run): Promise<void> {
    const { method } = run.invocation;
    // Without the agent, Port calls the webhook itself.
    if (method.type === 'WEBHOOK' && !isTrue(method.agent)) return;
    if (viaKafka()) {
      const message = buildRunMessage(run.invocation);
      return publishRaw(JSON.stringify(method.type === 'KAFKA' ? message : sign(message, method.type)));
    }
    run.pendingExecution = method.type !== 'KAFKA';
    book.touch(run);
  }

  return {
    publishRaw,
    release,
    async execute(actionIdentifier, options) {
      const action = deps.actions.get(actionIdentifier);
      if (!action) throw refusal.notFound();
      const automation = typeof action.trigger === 'object' && action.trigger.type === 'automation';
      if (automation && options.origin === 'API') throw refusal.notSelfService();
      const at = new Date(now()).toISOString();
      const run = book.add(
        prepareInvocation(action, options, { orgId, clientSecret, runId: newId('r_'), at }),
      );
      if (run.status === 'IN_PROGRESS') await release(run);
      return run;
    },
    async triggerNode(config) {
      // For nodes `synchronized` is true unless said otherwise (docs.port.io/workflows, the webhook node).
      const full: NodeConfig = {
        type: 'WEBHOOK',
        method: 'POST',
        agent: true,
        synchronized: true,
        ...config,
      };
      const run = nodes.add(full);
      if (viaKafka()) {
        await publishRaw(JSON.stringify(sign(buildNodeMessage(run.id, full), 'WEBHOOK')));
      } else {
        run.pendingExecution = true;
        nodes.touch(run);
      }
      return run.id;
    },
  };
}
