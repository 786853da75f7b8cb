/** What becomes of the old chart's values, but for the environment. */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, Scalar, YAMLMap } from 'yaml';
import { NEW_KEYS, NEW_VALUES, OLD_RESOURCES, OLD_VALUES } from './chart-values.js';
import { hasExistingSecret, variableIn } from './environment.js';
import type { Findings } from './findings.js';
import { readScalar, textOf } from './scalar.js';
import { keyOf, mapIn, pairIn, remove, type ValuesFile } from './values-file.js';

export type Rule = (file: ValuesFile, findings: Findings) => void;

/** What the new chart's schema refuses, and the old chart passed over in silence. */
export const dropUnknown: Rule = ({ root, lineOf }, findings) => {
  const drop = (...path: string[]) => {
    const around = mapIn(root, ...path.slice(0, -1));
    const line = lineOf(pairIn(around, path.at(-1) ?? '')?.key);
    findings.note(path.join('.'), line, 'left out: no value of the port-agent chart; nothing read it');
    remove(root, ...path);
  };
  for (const key of root.items.map(keyOf)) {
    if (NEW_VALUES.includes(key)) continue;
    if (!Object.hasOwn(OLD_VALUES, key)) drop(key);
    const known = OLD_VALUES[key];
    for (const inner of known ? (mapIn(root, key)?.items ?? []).map(keyOf) : [])
      if (!known?.includes(inner) && !NEW_KEYS[key]?.includes(inner)) drop(key, inner);
  }
};

export const replaceImage: Rule = ({ root, lineOf }, findings) => {
  const image = mapIn(root, 'image');
  const repository = pairIn(image, 'repository');
  const named = textOf(repository?.value);
  const [, registry = '', name = ''] = /^(.*?)([^/]*)$/.exec(named) ?? [];
  if (name === 'temporal-port-agent') return;
  if (repository) {
    const line = lineOf(repository.key);
    if (!registry || registry === 'ghcr.io/port-labs/') {
      findings.note(
        'image.repository',
        line,
        "left out: the old agent's image; name this agent's if yours is elsewhere",
      );
      remove(root, 'image', 'repository');
    } else {
      const ours = `${registry}temporal-port-agent`;
      findings.note(
        'image.repository',
        line,
        `was the old agent's image; now ${ours}: push this agent's image there`,
      );
      repository.value = new Scalar(ours);
    }
  }
  const tag = pairIn(image, 'tag');
  if (!tag) return;
  if (textOf(tag.value))
    findings.note('image.tag', lineOf(tag.key), "left out: a tag of the old agent's image");
  remove(root, 'image', 'tag');
};

export const renameKeys: Rule = ({ root, lineOf }, findings) => {
  for (const [old, key] of [
    ['replicaCount', 'replicas'],
    ['rolloutStrategy', 'strategy'],
  ] as const) {
    const pair = pairIn(root, old);
    if (!pair) continue;
    remove(root, old);
    if (!textOf(pair.value)) continue;
    findings.note(old, lineOf(pair.key), `is called ingester.${key} now`);
    if (!mapIn(root, 'ingester')) root.set(new Scalar('ingester'), new YAMLMap());
    mapIn(root, 'ingester')?.set(new Scalar(key), pair.value);
  }
};

export const checkResources: Rule = ({ root, lineOf }, findings) => {
  const pair = pairIn(root, 'resources');
  if (!isMap(pair?.value) || pair.value.items.length === 0) return;
  if (isDeepStrictEqual(pair.value.toJSON(), OLD_RESOURCES)) {
    findings.note(
      'resources',
      lineOf(pair.key),
      "left out: the old chart's defaults, too small for the worker",
    );
    remove(root, 'resources');
    return;
  }
  findings.note(
    'resources',
    lineOf(pair.key),
    'counts for each of two processes now; give the worker a memory limit of 512Mi or more (worker.resources, ingester.resources)',
  );
};

/** The image's user is not root, and the chart's hardened contexts are merged with these. */
export const dropRoot: Rule = ({ root, lineOf }, findings) => {
  for (const context of ['podSecurityContext', 'containerSecurityContext']) {
    for (const [key, value] of [
      ['runAsUser', '0'],
      ['runAsNonRoot', 'false'],
    ] as const) {
      const pair = pairIn(mapIn(root, context), key);
      if (!pair || textOf(pair.value) !== value) continue;
      findings.note(
        `${context}.${key}`,
        lineOf(pair.key),
        'left out: nothing needs root here, and root would be refused',
      );
      remove(root, context, key);
    }
  }
};

export const checkSecret: Rule = ({ root, lineOf }, findings) => {
  const pair = pairIn(root, 'secret');
  const name = textOf(pairIn(mapIn(root, 'secret'), 'name')?.value);
  const line = lineOf(pair?.key);
  if (hasExistingSecret(root)) {
    if (name) return;
    findings.refusal(
      'secret.name',
      line,
      'is missing: name the Secret; the old chart took one with the name of its Deployment',
    );
  } else if (name) {
    findings.note(
      'secret.name',
      line,
      'a Secret of this name that the old chart made is kept and filled anew; with Argo CD, delete it before you switch',
    );
  }
};

export const checkMapping: Rule = ({ root, lineOf }, findings) => {
  const pair = pairIn(root, 'controlThePayloadConfig');
  const text = isScalar(pair?.value) ? textOf(pair.value) : '';
  if (!text.trim()) return;
  try {
    JSON.parse(text);
  } catch {
    findings.refusal(
      'controlThePayloadConfig',
      lineOf(pair?.key),
      'is not JSON; look for a missing comma or a quote that is not written \\"',
    );
  }
};

export const checkCertificate: Rule = ({ root, lineOf }, findings) => {
  const given = mapIn(root, 'selfSignedCertificate');
  if (!given) return;
  const on = (map: YAMLMap | undefined, key: string) => textOf(pairIn(map, key)?.value) === 'true';
  const secret = mapIn(given, 'secret');
  const hasCertificate = textOf(pairIn(given, 'certificate')?.value).includes('-----BEGIN');
  const line = lineOf(pairIn(root, 'selfSignedCertificate')?.key);
  if (!on(given, 'enabled')) {
    if (hasCertificate)
      findings.note(
        'selfSignedCertificate.certificate',
        line,
        'is not trusted: selfSignedCertificate.enabled is not true',
      );
  } else if (on(secret, 'useExistingSecret')) {
    if (!textOf(pairIn(secret, 'name')?.value))
      findings.refusal(
        'selfSignedCertificate.secret.name',
        line,
        'is missing: name the Secret with the certificate',
      );
  } else if (!hasCertificate) {
    findings.note(
      'selfSignedCertificate.certificate',
      line,
      'is not in this file: give it as before, with --set-file selfSignedCertificate.certificate=FILE, or the chart refuses',
    );
  }
};

/** What comes from the command line, and is not in a values file. */
export const checkRequired: Rule = ({ root }, findings) => {
  if (hasExistingSecret(root) || pairIn(root, 'extraEnvFrom') || pairIn(root, 'externalSecret')) return;
  const polls = variableIn(root, 'STREAMER_NAME') === 'POLLING';
  const names = [
    'PORT_ORG_ID',
    ...(polls ? [] : ['KAFKA_CONSUMER_GROUP_ID']),
    'PORT_CLIENT_ID',
    'PORT_CLIENT_SECRET',
  ];
  const missing = names.filter((name) => !variableIn(root, name) && !isExtra(root, name));
  if (missing.length === 0) return;
  findings.note(
    'env',
    undefined,
    `does not have ${missing.join(', ')}: give them as before; the chart asks for them`,
  );
};

function isExtra(root: YAMLMap, name: string): boolean {
  const list = pairIn(root, 'extraEnv')?.value as { items?: unknown[] } | undefined;
  return (list?.items ?? []).some((entry) => isMap(entry) && textOf(pairIn(entry, 'name')?.value) === name);
}

export const checkVerification: Rule = ({ root, lineOf }, findings) => {
  const pair = pairIn(mapIn(root, 'env', 'normal'), 'WEBHOOK_VERIFY_SSL');
  const reading = readScalar(pair?.value);
  if (!reading || reading.kind === 'none' || reading.text.toLowerCase() !== 'false') return;
  findings.note(
    'env.normal.WEBHOOK_VERIFY_SSL',
    lineOf(pair?.key),
    'false: anyone on the way can read and change the calls; give the CA with selfSignedCertificate instead',
  );
};
