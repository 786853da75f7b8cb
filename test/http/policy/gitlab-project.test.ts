import { gitlabProject } from '../../../http/policy/gitlab-project.js';

const project = (path: string): string | undefined => gitlabProject(new URL(`https://gitlab.corp${path}`));

test.each([
  ['/api/v4/projects/group%2Fproject/trigger/pipeline', 'group/project'],
  ['/api/v4/projects/group%2fproject', 'group/project'],
  ['/api/v4/projects/Group%2FSub%2FProject.x_1-2/trigger/pipeline?token=x', 'group/sub/project.x_1-2'],
  ['/gitlab/api/v4/projects/group%2Fproject/pipelines/', 'group/project'],
  ['/a/b/api/v4/projects/group%2Fproject', 'group/project'],
  ['/api/v4/projects/%67roup%2Fproject', 'group/project'],
  ['/api/v4/projects/group%2Fproject/repository/files/src%2Fmain.ts', 'group/project'],
  ['/api/v4/projects/other%2Fone/../group%2Fproject/trigger', 'group/project'],
])('%s is about %s', (path, expected) => {
  expect(project(path)).toBe(expected);
});

test.each([
  ['no API', '/group/project'],
  ['another version of the API', '/api/v3/projects/group%2Fproject'],
  ['a path that goes on from another name', '/xapi/v4/projects/group%2Fproject'],
  ['a numeric id', '/api/v4/projects/42/trigger/pipeline'],
  ['a project without its group', '/api/v4/projects/project/trigger/pipeline'],
  ['an unencoded project', '/api/v4/projects/group/project/trigger/pipeline'],
  ['no project', '/api/v4/projects/'],
  ['the list of projects', '/api/v4/projects'],
  ['a double encoding', '/api/v4/projects/group%252Fproject/trigger/pipeline'],
  ['dots in the project', '/api/v4/projects/group%2F..%2Fproject/trigger/pipeline'],
  ['a dot in the project', '/api/v4/projects/group%2F.%2Fproject/trigger/pipeline'],
  ['dots that begin the project', '/api/v4/projects/..%2Fproject/trigger/pipeline'],
  ['encoded dots behind the project', '/api/v4/projects/group%2Fproject/x%2F..%2F..%2Fother%2Fone'],
  ['twice encoded dots behind the project', '/api/v4/projects/group%2Fproject/%252e%252e/other'],
  ['a semicolon', '/api/v4/projects/group%2Fproject;x/trigger/pipeline'],
  ['an encoded semicolon', '/api/v4/projects/group%2Fproject/..%3B/other'],
  ['a backslash', '/api/v4/projects/group%5Cproject/trigger/pipeline'],
  ['a backslash behind the project', '/api/v4/projects/group%2Fproject/..%5Cother'],
  ['a NUL', '/api/v4/projects/group%2Fproject%00/trigger/pipeline'],
  ['a line break', '/api/v4/projects/group%2Fproject/%0d%0aX'],
  ['an empty segment', '/api/v4/projects//group%2Fproject'],
  ['an empty segment in the project', '/api/v4/projects/group%2F%2Fproject'],
  ['a slash that begins the project', '/api/v4/projects/%2Fgroup%2Fproject'],
  ['a slash that ends the project', '/api/v4/projects/group%2Fproject%2F'],
  ['broken UTF-8', '/api/v4/projects/group%2Fproject%ff/trigger'],
  ['a lone percent sign', '/api/v4/projects/group%2Fproject/%'],
  ['a letter that folds to another', '/api/v4/projects/group%2Fproje%E2%84%AAt'],
  ['a second project', '/api/v4/projects/group%2Fproject/api/v4/projects/other%2Fone'],
  ['a second project, encoded', '/%61pi/v4/projects/other%2Fone/api/v4/projects/group%2Fproject'],
  [
    'a second project, its slashes encoded',
    '/api%2Fv4%2Fprojects%2Fother%2Fone/api/v4/projects/group%2Fproject',
  ],
  ['an API in disguise', '/%61pi/v4/projects/group%2Fproject'],
])('%s is about no project', (_, path) => {
  expect(project(path)).toBeUndefined();
});
