/** The values that the two charts know. */

/** Values of the port-agent chart, with the keys inside where these are fixed. */
export const OLD_VALUES: Readonly<Record<string, readonly string[] | undefined>> = {
  image: ['repository', 'pullPolicy', 'tag'],
  replicaCount: undefined,
  imagePullSecrets: undefined,
  nameOverride: undefined,
  fullnameOverride: undefined,
  controlThePayloadConfig: undefined,
  secret: ['name', 'useExistingSecret', 'annotations'],
  podServiceAccount: ['name'],
  env: ['normal', 'secret'],
  extraLabels: undefined,
  podAnnotations: undefined,
  podSecurityContext: undefined,
  containerSecurityContext: undefined,
  extraVolumes: undefined,
  extraVolumeMounts: undefined,
  rolloutStrategy: undefined,
  resources: undefined,
  nodeSelector: undefined,
  tolerations: undefined,
  affinity: undefined,
  selfSignedCertificate: ['enabled', 'certificate', 'secret'],
};

/** What the new chart added, for a file that was begun to be adapted. */
export const NEW_VALUES: readonly string[] = [
  'global',
  'temporal',
  'worker',
  'ingester',
  'sweep',
  'codecServer',
  'extraEnv',
  'extraEnvFrom',
  'controlThePayloadConfigMap',
  'caBundle',
  'externalSecret',
  'health',
  'openshift',
  'podLabels',
  'priorityClassName',
  'topologySpreadConstraints',
  'hostAliases',
  'dnsConfig',
  'initContainers',
  'sidecars',
  'revisionHistoryLimit',
  'podDisruptionBudget',
  'networkPolicy',
  'extraObjects',
];

/** Keys inside old values that the new chart added. */
export const NEW_KEYS: Readonly<Record<string, readonly string[]>> = {
  image: ['digest'],
  secret: ['asFiles'],
  podServiceAccount: ['annotations', 'automountToken'],
};

/** `resources` where the old chart was not told otherwise; `helm get values --all` has them. */
export const OLD_RESOURCES = {
  requests: { memory: '128Mi', cpu: '100m' },
  limits: { memory: '256Mi', cpu: '200m' },
};
