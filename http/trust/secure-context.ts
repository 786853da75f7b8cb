/** Secure contexts for node:tls, each built once: one costs 24 ms and 1 MB with the roots of a distribution. */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { ClientCertificate } from './client-certificate-file.js';
import type { Trust } from './trust.js';

const contexts = new WeakMap<Trust, WeakMap<object, SecureContext>>();
const ANONYMOUS = {};

/**
 * The context that trusts `trust` and shows `certificate`, if there is one. The same objects get the same
 * context, so hand in what `TrustStore.current` and `ClientCertificates.for` return.
 */
export function secureContextOf(trust: Trust, certificate?: ClientCertificate): SecureContext {
  const ofTrust = contexts.get(trust) ?? new WeakMap<object, SecureContext>();
  contexts.set(trust, ofTrust);
  const known = ofTrust.get(certificate ?? ANONYMOUS);
  if (known) return known;
  const context = createSecureContext({ ca: trust.pem, ...certificate });
  ofTrust.set(certificate ?? ANONYMOUS, context);
  return context;
}
