/** One evaluator for a test file, with limits that tests can afford to meet. */
import { createEvaluator, type Evaluator } from '../../../port/mapping/evaluator.js';
import type { JqLimits } from '../../../port/mapping/jq-pool.js';

export function useEvaluator(limits: Partial<JqLimits> = {}): () => Evaluator {
  let evaluator: Evaluator;
  beforeAll(() => {
    evaluator = createEvaluator({ threads: 2, deadlineMs: 5000, maxMemoryMb: 64, ...limits });
  });
  afterAll(() => evaluator.close());
  return () => evaluator;
}
