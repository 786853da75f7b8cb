/** A run as the Temporal UI shows it: what it can be found by, one line, and a few more. */
import { excerpt, oneLine } from '../port/excerpt.js';
import { type InvocationMethod, type JsonObject, textAt } from '../port/message.js';
import { targetOf } from '../port/plan.js';
import type { SearchAttributeValues } from '../temporal/search-attributes.js';
import type { WorkflowStart } from '../temporal/start-workflow.js';

/** Temporal takes 400 bytes of a summary; a character is three at most. */
export const MAX_SUMMARY_LENGTH = 120;
const MAX_VALUE_LENGTH = 200;

export function describeRun(
  message: JsonObject,
  invocation: InvocationMethod,
  call: string,
): Pick<WorkflowStart, 'summary' | 'details' | 'searchAttributes'> {
  const searchAttributes = attributesOf(message, invocation);
  return {
    summary: summaryOf(searchAttributes, call),
    details: detailsOf(searchAttributes, call),
    searchAttributes,
  };
}

function attributesOf(message: JsonObject, invocation: InvocationMethod): SearchAttributeValues {
  const values = {
    PortAction: textAt(message, 'payload', 'action', 'identifier') ?? textAt(message, 'action'),
    PortBlueprint: textAt(message, 'context', 'blueprint'),
    PortEntity: textAt(message, 'context', 'entity'),
    PortUser: textAt(message, 'trigger', 'by', 'user', 'email') ?? textAt(message, 'trigger', 'by', 'userId'),
    PortOrigin: textAt(message, 'trigger', 'origin'),
    PortTarget: targetOf(invocation),
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, oneLine(value)]] : [])),
  );
}

function summaryOf({ PortAction, PortUser }: SearchAttributeValues, call: string): string {
  const parts = [PortAction, call, PortUser && `by ${PortUser}`];
  return excerpt(parts.filter(Boolean).join(' · '), MAX_SUMMARY_LENGTH);
}

function detailsOf(attributes: SearchAttributeValues, call: string): string {
  const rows = Object.entries(attributes).map(
    ([name, value]) => `- ${name.replace('Port', '')}: ${inCode(value)}`,
  );
  return [`Calls ${inCode(call)}`, '', ...rows].join('\n');
}

/** As inline code, where nothing becomes a link, an image or markup; the UI shows tables without any spacing. */
function inCode(text: string): string {
  return `\`${excerpt(text, MAX_VALUE_LENGTH).replaceAll('`', ' ')}\``;
}
