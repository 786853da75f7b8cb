import { ConfigurationError, loadConfig } from '../../config/config.js';
import { REQUIRED } from './required.js';

const NAME = { TEMPORAL_DEPLOYMENT_NAME: 'agent' };
const BUILD = { TEMPORAL_WORKER_BUILD_ID: '1.2.3' };

test('both variables make a version, and none makes none', () => {
  expect(loadConfig({ ...REQUIRED, ...NAME, ...BUILD }).temporal.version).toEqual({
    deploymentName: 'agent',
    buildId: '1.2.3',
  });
  expect(loadConfig(REQUIRED).temporal).not.toHaveProperty('version');
});

test.each([
  [NAME, 'TEMPORAL_WORKER_BUILD_ID is missing'],
  [BUILD, 'TEMPORAL_DEPLOYMENT_NAME is missing'],
])('of %j alone, the other is named', (given, problem) => {
  expect(() => loadConfig({ ...REQUIRED, ...given })).toThrow(ConfigurationError);
  expect(() => loadConfig({ ...REQUIRED, ...given })).toThrow(
    `${problem}: a worker's version needs TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID; set both or none`,
  );
});
