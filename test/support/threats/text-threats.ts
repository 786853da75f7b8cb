/** Texts of a message that would be something else where people read them. */
import type { Seen, Site, Threat } from './site.js';

const LINES = 'threat\r\n{"level":"fatal","msg":"forged"}\n\u001b[2J\u001b[31m\u2028forged';
const MARKUP =
  'threat <img src=http://evil.test/x onerror=alert(1)> `](http://evil.test/) ![x](http://evil.test/y)';

export const textThreats: Record<string, Threat> = {
  'log-lines': async (site) => {
    const seen = await named(site, LINES);
    // Whom a run calls is logged.
    await site.signed('http://a.test/', { type: 'GITLAB', groupName: LINES, projectName: LINES });
    expect(site.lines().some((line) => line.includes('forged'))).toBe(true);
    const lines = site.lines().filter((line) => !line.startsWith('{') || JSON.parse(line).msg === 'forged');
    expect(lines).toEqual([]);
    expect(site.lines().some((line) => line.includes('\u001b'))).toBe(false);
    return [seen];
  },

  markup: async (site) => {
    const seen = await named(site, MARKUP);
    const { client } = site.house;
    const described = await client.workflow.getHandle(seen.runId).describe();
    const details = (await described.staticDetails()) ?? '';
    expect(details).toContain('<img');
    // What stands in code is shown as it is.
    expect(details.replace(/`[^`\n]*`/g, '')).not.toMatch(/[<>[\]!]/);
    return [seen];
  },
};

/** A run whose action, user and entity have this text for a name. */
async function named(site: Site, text: string): Promise<Seen & { runId: string }> {
  const run = await site.run(`${site.house.service.url}/ok`, {}, text);
  const message = site.messageOf(run);
  const context = { ...(message['context'] as object), entity: text, blueprint: text };
  const trigger = { by: { userId: text, user: { email: text } }, origin: text };
  const record = await site.publish(site.sign({ ...message, context, trigger }));
  return { ...(await site.outcomeOf(record, run.id)), runId: run.id };
}
