import { loadConfig } from '../../config/config.js';
import { REQUIRED } from './required.js';

test('without the variables, everything is allowed, and the log says so at start', () => {
  const { policy, notices } = loadConfig({ ...REQUIRED, ALLOWED_ACTIONS: ' ', ALLOWED_METHODS: '' });
  expect(policy).toEqual({});
  expect(notices).toContain('actions that may be carried out: every action (the worker checks)');
  expect(notices).toContain('methods that may be used: every method (the worker checks)');
});

test('what they allow is settled, and told at start', () => {
  const lists = { ALLOWED_ACTIONS: 'deploy, scale_*', ALLOWED_METHODS: 'post,get' };
  const { policy, notices } = loadConfig({ ...REQUIRED, ...lists });
  expect(policy).toEqual({ actions: ['deploy', 'scale_*'], methods: ['POST', 'GET'] });
  expect(notices).toContain('actions that may be carried out: deploy, scale_* (the worker checks)');
  expect(notices).toContain('methods that may be used: POST, GET (the worker checks)');
});
