import { readFileSync } from 'node:fs';
import { createEvaluator } from '../../port/mapping/evaluator.js';
import { readMappings } from '../../port/mapping/mapping.js';
import { usableRequest } from '../../port/mapping/usable-request.js';
import { textOf } from './markdown.js';

const evaluator = createEvaluator({ threads: 1, deadlineMs: 20_000, maxMemoryMb: 256 });
afterAll(() => evaluator.close());

const message = {
  trigger: { by: { user: { email: 'ada@example.com' } } },
  payload: {
    action: { identifier: 'restart_service' },
    properties: { service: 'shop front', password: 'x' },
  },
};

test('the example of docs/mapping.md does what the page says', async () => {
  const text = textOf(readFileSync('docs/mapping.md', 'utf8'), 'mapping');
  const { mappings, problems, warnings } = await readMappings(text, 'mapping.json', evaluator.compile);
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
  const environment = { OPS_TOKEN: 'token' };
  const { index = -1 } = await evaluator.firstMatch(mappings, message, environment);
  const mapping = mappings[index];
  if (!mapping) throw new Error('the example takes no message');

  const { request } = await evaluator.request(mapping, index, message, environment);
  expect(usableRequest(request, index)).toEqual({
    request: {
      method: 'PUT',
      url: 'https://ops.example.com/services/shop%20front?dry=False',
      headers: { Authorization: 'Bearer token' },
      body: JSON.stringify({ requestedBy: 'ada@example.com', inputs: message.payload.properties }),
    },
  });
  const response = { statusCode: 200, json: { url: 'https://x/1', id: 7 }, text: '', headers: {} };
  const { report } = await evaluator.report(
    mapping,
    index,
    { body: message, request: {}, response },
    environment,
  );
  expect(report).toEqual({
    status: 'SUCCESS',
    link: 'https://x/1',
    summary: 'restarted shop front',
    externalRunId: '7',
  });
});
