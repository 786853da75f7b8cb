import { pino } from 'pino';
import { Health } from '../../telemetry/health.js';
import { mappingLog } from '../../telemetry/mapping-note.js';

test('a mapping file that can not be used is a note until one is loaded; the log has it all', () => {
  const lines: string[] = [];
  const health = new Health();
  const log = mappingLog(pino({}, { write: (line: string) => void lines.push(line) }), health);
  log.error({ problems: ['planted detail'] }, 'unusable');
  expect(health.readiness()).toMatchObject({ isGood: true, notes: [{ part: 'mapping file' }] });
  expect(JSON.stringify(health.readiness())).not.toContain('planted');
  log.warn('odd');
  log.info({ mappings: 2 }, 'loaded');
  expect(health.readiness().notes).toEqual([]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 50, msg: 'unusable', problems: ['planted detail'] },
    { level: 40, msg: 'odd' },
    { level: 30, msg: 'loaded', mappings: 2 },
  ]);
});
