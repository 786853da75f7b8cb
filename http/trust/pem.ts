/**
 * PEM text (RFC 7468), taken apart into its blocks.
 *
 * Node hands a whole file to OpenSSL, which stops at the first block it can't read: the good certificates
 * behind a truncated one are lost without a word. So each block stands alone here. Between blocks anything
 * may stand, and blocks may touch (`cat a.pem b.pem` where a.pem has no newline at its end).
 */

export interface PemBlock {
  /** `CERTIFICATE`, `TRUSTED CERTIFICATE`, `PRIVATE KEY`, … */
  label: string;
  /** Where it begins, from 1. */
  line: number;
  /** The block alone, in lines of 64 as OpenSSL wants them, whatever its line ends and indents were. */
  pem: string;
}

export interface Pem {
  blocks: PemBlock[];
  /** What is wrong with the text: `the CERTIFICATE in line 3 is cut off`. Never any content. */
  faults: string[];
}

const MARKER = /-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----/g;

/** Finds every whole block; of those cut off, says which. */
export function splitPem(text: string): Pem {
  const blocks: PemBlock[] = [];
  const faults: string[] = [];
  let line = 1;
  let counted = 0;
  let open: { label: string; line: number; bodyAt: number } | undefined;
  const cutOff = (): void => {
    if (open) faults.push(`the ${open.label} in line ${open.line} is cut off`);
    open = undefined;
  };
  for (const { 0: marker, 1: kind, 2: label = '', index } of text.matchAll(MARKER)) {
    line += text.slice(counted, index).split('\n').length - 1;
    counted = index;
    if (kind === 'BEGIN') {
      cutOff();
      open = { label, line, bodyAt: index + marker.length };
    } else if (open?.label === label) {
      blocks.push({ label, line: open.line, pem: block(label, text.slice(open.bodyAt, index)) });
      open = undefined;
    } else {
      if (!open) faults.push(`the ${label} that ends in line ${line} has no beginning`);
      cutOff();
    }
  }
  cutOff();
  return { blocks, faults };
}

const BASE64 = /^[A-Za-z0-9+/=\s]*$/;

function block(label: string, body: string): string {
  // Not base64 alone: an old private key with headers, or damaged. Either way not for us to set right.
  const lines = BASE64.test(body) ? (body.replace(/\s+/g, '').match(/.{1,64}/g) ?? []) : [body.trim()];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
