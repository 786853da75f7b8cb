/** Endings that GitLab, or what stands before it, brings about; each in a project of its own. */

import { type GitlabProject, gitlabAnswers } from '../../../local/simulators/gitlab.js';
import type { SimResponse } from '../../../local/simulators/http-server.js';
import { type Driver, type Ending, GROUP, type Stage } from './stage.js';

/** The projects that this stage's GitLab must have; a worker has a trigger token for each. */
export const PROJECTS = [
  'synchronized',
  'pipeline',
  'dropped',
  'no-ref',
  'no-rights',
  'moved-away',
  'wrong-token',
  'bad-yaml',
  'stillborn',
  'busy',
  'limited',
  'page',
  'too-large',
  'broken',
  'gone',
];

const page = (status: number) => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: '<html></html>',
});

export const gitlabEndings: Record<string, Driver> = {
  pipeline: async (stage) => {
    const ending = await stage.gitlab('pipeline');
    const [pipeline] = stage.house.gitlab.pipelines({ project: `${GROUP}/pipeline` });
    const told = [...stage.house.port.runs.values()].find((run) => run.externalRunId === `${pipeline?.id}`);
    return [{ ...ending, status: told?.link ? ending.status : undefined }];
  },
  'gitlab-400': (stage) => configured(stage, 'no-ref', { refs: ['other'] }),
  'gitlab-403': (stage) => answering(stage, 'no-rights', page(403)),
  'gitlab-404': (stage) => configured(stage, 'wrong-token', { triggerTokens: [] }),
  'gitlab-422': (stage) => configured(stage, 'bad-yaml', { invalidYaml: 'jobs config should contain jobs' }),
  'gitlab-stillborn': (stage) =>
    answering(stage, 'stillborn', {
      status: 201,
      body: { id: 7, status: 'failed', web_url: 'https://gitlab/7' },
    }),
  'gitlab-429': (stage) => answering(stage, 'busy', gitlabAnswers.retryLater(600)),
  'gitlab-limit': (stage) => configured(stage, 'limited', { pipelinesPerMinute: 0 }),
  'gitlab-moved': (stage) => answering(stage, 'moved-away', gitlabAnswers.moved('https://elsewhere/')),
  'gitlab-page': (stage) => answering(stage, 'page', page(200)),
  'gitlab-4xx': (stage) => answering(stage, 'too-large', page(413)),
  'gitlab-5xx': (stage) => answering(stage, 'broken', gitlabAnswers.html(502), 'respondAfter'),

  'no-project': async (stage) => [await stage.gitlab('')],
  'no-token': async (stage) => [await stage.gitlab('without-token')],
  'own-variable': async (stage) => [
    await stage.gitlab('CLIENT_SECRET', { groupName: 'PORT' }),
    await stage.gitlab('API_KEY', { groupName: 'TEMPORAL' }),
  ],
};

async function answering(
  stage: Stage,
  project: string,
  response: SimResponse,
  kind: 'respond' | 'respondAfter' = 'respond',
): Promise<Ending[]> {
  stage.house.gitlab.inject({ kind, response, path: new RegExp(`${GROUP}%2F${project}/`) });
  return [await stage.gitlab(project)];
}

async function configured(
  stage: Stage,
  project: string,
  changes: Partial<Omit<GitlabProject, 'path' | 'id'>>,
): Promise<Ending[]> {
  stage.house.gitlab.configure(`${GROUP}/${project}`, changes);
  return [await stage.gitlab(project)];
}
