/** The demo's organization: its GitLab projects, their trigger tokens, and the actions set up in Port. */
import type { GitlabProject } from '../simulators/gitlab.js';
import type { ActionDefinition } from '../simulators/port.js';

export const ORG_ID = 'org_demo';

export const PROJECTS: GitlabProject[] = [
  {
    path: 'platform/sub-group/infra',
    refs: ['main'],
    triggerTokens: [{ token: 'glptt-infra', owner: 'deploy-bot', role: 'maintainer' }],
  },
  {
    path: 'shop/storefront',
    refs: ['main'],
    tags: ['v1.4.0'],
    triggerTokens: [{ token: 'glptt-storefront', owner: 'release-bot', role: 'maintainer' }],
  },
  { path: 'data/warehouse', refs: ['main'], triggerTokens: [] },
];

/** `data_warehouse` is left out on purpose: one of the demo's runs shows what that looks like. */
export const TRIGGER_TOKENS = {
  'platform_sub-group_infra': 'glptt-infra',
  shop_storefront: 'glptt-storefront',
};

export function actionsOf(serviceUrl: string): ActionDefinition[] {
  return [
    {
      identifier: 'deploy_service',
      title: 'Deploy a service',
      trigger: {
        type: 'self-service',
        operation: 'CREATE',
        userInputs: {
          properties: {
            service: { type: 'string' },
            replicas: { type: 'number' },
            dry_run: { type: 'boolean' },
          },
          required: ['service'],
        },
      },
      invocationMethod: {
        type: 'GITLAB',
        groupName: 'platform/sub-group',
        projectName: 'infra',
        defaultRef: 'main',
      },
    },
    {
      identifier: 'release_storefront',
      title: 'Release the storefront',
      trigger: {
        type: 'self-service',
        operation: 'CREATE',
        userInputs: { properties: { ref: { type: 'string' } } },
      },
      invocationMethod: {
        type: 'GITLAB',
        groupName: 'shop',
        projectName: 'storefront',
        pipelineVariables: { RELEASE_TAG: '{{ .inputs.ref }}', REQUESTED_BY: '{{ .trigger.by.user.email }}' },
      },
    },
    {
      identifier: 'clean_up_environment',
      title: 'Clean up when an environment expires',
      trigger: { type: 'automation', event: { type: 'ENTITY_DELETED', blueprintIdentifier: 'environment' } },
      invocationMethod: {
        type: 'GITLAB',
        groupName: 'platform/sub-group',
        projectName: 'infra',
        defaultRef: 'main',
      },
    },
    webhook('restart_service', 'Restart a service', `${serviceUrl}/ok`, {
      synchronized: true,
      blueprint: 'service',
    }),
    webhook('provision_database', 'Provision a database', `${serviceUrl}/accepted`),
    {
      identifier: 'rebuild_warehouse',
      title: 'Rebuild the warehouse',
      trigger: { type: 'self-service', operation: 'CREATE' },
      invocationMethod: { type: 'GITLAB', groupName: 'data', projectName: 'warehouse' },
    },
    webhook('rotate_credentials', 'Rotate credentials', `${serviceUrl}/status/500`, { synchronized: true }),
  ];
}

/** With a blueprint it is a day-2 action, run on an entity. */
function webhook(
  identifier: string,
  title: string,
  url: string,
  { synchronized = false, blueprint }: { synchronized?: boolean; blueprint?: string } = {},
): ActionDefinition {
  return {
    identifier,
    title,
    trigger: {
      type: 'self-service',
      operation: blueprint ? 'DAY-2' : 'CREATE',
      ...(blueprint && { blueprintIdentifier: blueprint }),
      userInputs: { properties: { service: { type: 'string' } } },
    },
    invocationMethod: {
      type: 'WEBHOOK',
      url,
      agent: true,
      synchronized,
      method: 'POST',
      headers: { RUN_ID: '{{ .run.id }}' },
      body: { '{{ spreadValue() }}': '{{ .inputs }}', port_context: { runId: '{{ .run.id }}' } },
    },
  };
}
