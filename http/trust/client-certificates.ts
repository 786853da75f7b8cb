/** Client certificates for targets that ask for one (mutual TLS), by host, kept up to date with their files. */
import { type Cadence, dueEvery } from './cadence.js';
import { type ClientCertificate, readClientCertificate } from './client-certificate-file.js';
import { type ClientCertificateRule, ruleFor } from './client-certificate-rules.js';
import { findFiles, stampOf } from './files.js';

/** Reads the files now. With a problem the agent should not start; neither holds content of a file. */
export function checkClientCertificates(
  rules: ClientCertificateRule[],
  now = new Date(),
): { problems: string[]; warnings: string[] } {
  const read = rules.map((rule) => readClientCertificate(rule, now));
  return {
    problems: read.flatMap((result) => ('problem' in result ? [result.problem] : [])),
    warnings: read.flatMap((result) => ('problem' in result ? [] : result.warnings)),
  };
}

export interface ClientCertificatesOptions extends Cadence {
  /** Another certificate counts from now on; a sentence for the log. */
  onChange?: (what: string) => void;
  /** The files changed, and are not usable, so that the old certificate stays; or out of date. */
  onWarning?: (what: string) => void;
}

/** Hands out the certificate for a host; looks at its files at most every `checkEveryMs`. */
export class ClientCertificates {
  private readonly held: Map<ClientCertificateRule, Held>;

  constructor(
    private readonly rules: ClientCertificateRule[],
    options: ClientCertificatesOptions = {},
  ) {
    this.held = new Map(rules.map((rule) => [rule, new Held(rule, options)]));
  }

  /**
   * The certificate of the first rule that matches; `host` is a name or an address, with IPv6's brackets or
   * without. The same object until the files changed and hold another usable certificate.
   */
  for(host: string): ClientCertificate | undefined {
    const rule = ruleFor(this.rules, host);
    return rule && this.held.get(rule)?.current();
  }
}

/** One rule's certificate. */
class Held {
  private certificate: ClientCertificate | undefined;
  private settled: string | undefined;
  private told: string | undefined;
  private readonly due: () => boolean;

  constructor(
    private readonly rule: ClientCertificateRule,
    private readonly options: ClientCertificatesOptions,
  ) {
    this.due = dueEvery(options);
    this.look();
  }

  current(): ClientCertificate | undefined {
    if (this.due()) this.look();
    return this.certificate;
  }

  private look(): void {
    const { host, certFile, keyFile } = this.rule;
    const stamp = stampOf([certFile, keyFile].flatMap((file) => findFiles(file, false)));
    if (stamp === this.settled) return;
    const next = readClientCertificate(this.rule, new Date());
    if ('problem' in next) {
      // Certificate and key are rarely replaced in one stroke: looked at again until they fit.
      if (next.problem !== this.told) this.options.onWarning?.(next.problem);
      this.told = next.problem;
      return;
    }
    const { certificate, description, warnings } = next;
    const previous = this.certificate;
    this.settled = stamp;
    this.told = undefined;
    if (previous?.cert === certificate.cert && previous.key === certificate.key) return;
    this.certificate = certificate;
    if (!previous) return;
    this.options.onChange?.(`the client certificate for ${host} changed: ${description}`);
    for (const warning of warnings) this.options.onWarning?.(warning);
  }
}
