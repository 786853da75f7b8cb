/** Reads recorded histories. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { msToTs } from '@temporalio/common/lib/time.js';
import { temporal } from '@temporalio/proto';

export type History = temporal.api.history.v1.History;

export const HISTORIES = join(process.cwd(), 'test/histories');

export interface RecordedHistory {
  /** That of its file, such as `callWebhook.success`. */
  name: string;
  history: History;
}

/** Every history of the folder. */
export function recordedHistories(): RecordedHistory[] {
  const files = readdirSync(HISTORIES).filter((file) => file.endsWith('.json'));
  return files.map((file) => ({
    name: file.slice(0, -'.json'.length),
    history: historyOf(readFileSync(join(HISTORIES, file), 'utf8')),
  }));
}

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const DURATION = /^\d+(\.\d+)?s$/;

/**
 * A history as Temporal's UI and command line export it.
 *
 * The SDK's `historyFromJSON` does the same, unless npm installs protobufjs more than once, as it does here.
 */
function historyOf(exported: string): History {
  const object = JSON.parse(exported, (_, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (TIME.test(value)) return msToTs(Date.parse(value));
    return DURATION.test(value) ? msToTs(Math.round(Number(value.slice(0, -1)) * 1000)) : value;
  });
  return temporal.api.history.v1.History.fromObject(object as Record<string, unknown>);
}
