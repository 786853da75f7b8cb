/** The simulated instance's memory: projects by path or id, pipelines, and the clock. */
import type { Instance } from './gitlab-entities.js';
import {
  type AccessToken,
  type GitlabProject,
  type Job,
  type Pipeline,
  type PipelineVariable,
  tipOf,
} from './gitlab-project.js';

export interface StoredProject {
  id: number;
  settings: GitlabProject;
  lastIid: number;
}

export interface NewPipeline {
  ref: string;
  tag: boolean;
  username: string;
  variables: PipelineVariable[];
  inputs: Record<string, unknown>;
}

export class GitlabStore {
  readonly pipelines: Pipeline[] = [];
  readonly #projects: StoredProject[] = [];
  #lastPipelineId = 1000;
  #lastJobId = 5000;

  constructor(
    readonly instance: Instance,
    readonly now: () => number,
    projects: GitlabProject[],
  ) {
    for (const settings of projects) this.add(settings);
  }

  add(settings: GitlabProject): void {
    const id = settings.id ?? 100 + this.#projects.length;
    if (this.find(String(id)) || this.find(settings.path)) {
      throw new Error(`A project ${settings.path} (${id}) is there already`);
    }
    this.#projects.push({ id, settings: { ...settings }, lastIid: 0 });
  }

  /** By numeric id or full path, whose case does not matter. */
  find(idOrPath: string): StoredProject | undefined {
    const isId = /^\d+$/.test(idOrPath);
    const path = idOrPath.toLowerCase();
    return this.#projects.find((project) =>
      isId ? String(project.id) === idOrPath : project.settings.path.toLowerCase() === path,
    );
  }

  accessToken(token: string): { owner: StoredProject; token: AccessToken } | undefined {
    for (const owner of this.#projects) {
      const found = owner.settings.accessTokens?.find((candidate) => candidate.token === token);
      if (found) return { owner, token: found };
    }
    return undefined;
  }

  create(project: StoredProject, wanted: NewPipeline): Pipeline {
    const { settings } = project;
    const now = this.now();
    const pipeline: Pipeline = {
      ...wanted,
      id: ++this.#lastPipelineId,
      iid: ++project.lastIid,
      projectId: project.id,
      projectPath: settings.path,
      sha: tipOf(settings.path, wanted.ref),
      status: 'created',
      source: 'trigger',
      name: settings.pipelineName ?? null,
      createdAt: now,
      updatedAt: now,
      startedAt: null,
      finishedAt: null,
      yamlErrors: null,
      jobs: (settings.jobs ?? ['build', 'deploy']).map((name) => this.job(name)),
    };
    this.pipelines.push(pipeline);
    return pipeline;
  }

  job(name: string): Job {
    return { id: ++this.#lastJobId, name, status: 'created', retried: false };
  }
}
