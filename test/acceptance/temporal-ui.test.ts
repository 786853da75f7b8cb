/** What an operator sees of runs in Temporal's UI, in a real browser. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { startAgent } from '../../local/agent.js';
import { type DemoResult, runDemo } from '../../local/demo/demo.js';
import { actionsOf, PROJECTS, TRIGGER_TOKENS } from '../../local/demo/organization.js';
import { addActions, startParts, startWorld, type World } from '../../local/stack.js';
import { describeInBrowser } from '../support/chromium.js';
import { until } from '../support/house.js';

/** Wide enough for every column. */
const VIEWPORT = { width: 1900, height: 1000 };
const TIMEOUT_MS = 240_000;
/** The one note that the UI may make: that duplicates are recognised only as long as runs are kept. */
const EXPECTED_NOTE = 'Workflow ID Reuse Policy Limited by Retention';

describeInBrowser("Temporal's UI", (browser) => {
  const undo: (() => Promise<unknown>)[] = [];
  let world: World;
  let runs: DemoResult[];
  let namespaceUrl: string;
  let screenshots: string;
  let page: Page;

  beforeAll(async () => {
    const orgId = `org_${randomBytes(6).toString('hex')}`;
    const topics = ['runs', 'change.log'].map((name) => ({ name: `${orgId}.${name}`, partitions: 3 }));
    const parts = await startParts({ username: orgId, topics }, {}, () => {});
    undo.push(parts.stop);
    world = await startWorld({ ...parts, orgId, projects: PROJECTS, environment: TRIGGER_TOKENS });
    undo.push(world.close);
    addActions(world.port, actionsOf(world.service.url));
    const { environment } = world;
    const agents = await Promise.all([
      startAgent('worker', { environment }),
      startAgent('ingest', { environment }),
    ]);
    undo.push(...agents.map((agent) => () => agent.stop(5000)));
    runs = await runDemo(world, parts.temporal);
    namespaceUrl = `${parts.temporal.uiUrl}/namespaces/${parts.temporal.namespace}`;
    screenshots = mkdtempSync(join(tmpdir(), 'temporal-ui-'));
    process.stderr.write(`Screenshots of Temporal's UI: ${screenshots}\n`);
  }, TIMEOUT_MS);
  afterAll(async () => {
    for (const stop of undo.splice(0).reverse()) await stop();
  });
  beforeAll(async () => {
    page = await browser().newPage({ viewport: VIEWPORT });
    page.setDefaultTimeout(TIMEOUT_MS / 2);
  });

  const runOf = (action: string): DemoResult => {
    const found = runs.find((run) => run.action === action);
    if (!found) throw new Error(`the demo has no run of ${action}`);
    return found;
  };
  const idsOf = (chosen: DemoResult[]): string[] => chosen.map(({ runId }) => runId).sort();
  const picture = (name: string): Promise<unknown> =>
    page.screenshot({ path: join(screenshots, `${name}.png`) });

  /** The rows of the list as texts by column title; asked anew until there are `count`: the list lags behind. */
  async function list(query: string, count: number): Promise<Record<string, string>[]> {
    const url = `${namespaceUrl}/workflows${query && `?query=${encodeURIComponent(query)}`}`;
    let rows: Record<string, string>[] = [];
    await until(
      `the list shows ${count} runs`,
      async () => {
        await page.goto(url);
        await page.getByText(/^\d+ Workflows?$/).waitFor();
        await until(
          'its rows are there',
          async () => {
            rows = await rowsShown(page);
            return rows.length === count;
          },
          5000,
        ).catch(() => {});
        return rows.length === count;
      },
      TIMEOUT_MS / 2,
    );
    return rows;
  }

  async function openRun(action: string, tab?: string): Promise<void> {
    await page.goto(`${namespaceUrl}/workflows/${runOf(action).runId}`);
    await page.getByText('User Metadata').waitFor();
    if (tab) await page.getByText(tab, { exact: true }).first().click();
  }

  test("lists every run by Port's run id, with its type and its true status", async () => {
    const rows = await list('', runs.length);
    await picture('list');
    const seen = rows.map((row) => [row['Workflow ID'], row['Type'], row['Status']?.toLowerCase()]);
    const gitlab = ['deploy_service', 'release_storefront', 'clean_up_environment', 'rebuild_warehouse'];
    const expected = runs.map(({ runId, action, workflow }) => [
      runId,
      gitlab.includes(action) ? 'triggerGitlabPipeline' : 'callWebhook',
      workflow.toLowerCase(),
    ]);
    expect(seen.sort()).toEqual(expected.sort());
    expect(rows.filter((row) => /failed/i.test(row['Status'] ?? ''))).toHaveLength(2);
  });

  test('finds the runs of an action, and those of a user', async () => {
    const byAction = await list('PortAction="deploy_service"', 1);
    await picture('list-of-one-action');
    expect(byAction.map((row) => row['Workflow ID'])).toEqual(idsOf([runOf('deploy_service')]));

    const manager = runOf('release_storefront');
    const byUser = await list('PortUser="release-manager@example.com"', 1);
    expect(byUser.map((row) => row['Workflow ID'])).toEqual([manager.runId]);
    const others = await list('PortUser="executor@example.com"', runs.length - 1);
    expect(others.map((row) => row['Workflow ID']).sort()).toEqual(
      idsOf(runs.filter((run) => run !== manager)),
    );
  });

  test('shows action, target, user and entity as columns, and remembers that', async () => {
    await list('', runs.length);
    await page.getByTestId('workflows-summary-table-configuration-button').click();
    for (const column of ['PortAction', 'PortTarget', 'PortUser', 'PortBlueprint', 'PortEntity']) {
      await page.getByTestId(`orderable-list-item-${column}-add-button`).click();
    }
    for (const column of ['Run ID', 'End']) {
      await page.getByTestId(`orderable-list-item-${column}-remove-button`).click();
    }
    await page.getByTestId('drawer-close-button').click();
    const rows = await list('', runs.length);
    await picture('list-with-columns');
    const rowOf = (action: string) => rows.find((row) => row['Workflow ID'] === runOf(action).runId);
    for (const { action } of runs) expect(rowOf(action)).toMatchObject({ PortAction: action });
    expect(rowOf('release_storefront')).toMatchObject({
      PortTarget: 'shop/storefront',
      PortUser: 'release-manager@example.com',
    });
    expect(rowOf('restart_service')).toMatchObject({
      PortTarget: new URL(world.service.url).host,
      PortBlueprint: 'service',
      PortEntity: 'checkout',
    });
  });

  test('says on the page of a failed run that it failed, and why', async () => {
    await openRun('rebuild_warehouse');
    await page
      .getByText(/^failed$/i)
      .first()
      .waitFor();
    await page
      .getByText(/there is no trigger token for data\/warehouse.*data_warehouse/)
      .first()
      .waitFor();
    await picture('failed-run');
    await page.getByText('Event History').first().click();
    await page.getByText('Workflow Execution Failed').waitFor();
    await picture('failed-run-history');
  });

  test('says in the timeline what was called and what came of it', async () => {
    const { host } = new URL(world.gitlab.url);
    await openRun('deploy_service');
    await page.getByText(`POST ${host} platform/sub-group/infra`, { exact: false }).last().waitFor();
    const [pipeline] = world.gitlab.pipelinesFor(runOf('deploy_service').runId);
    await page.getByText(new RegExp(`reportRun .*pipeline ${pipeline?.id}`)).waitFor();
    await picture('completed-run');
    await openRun('rotate_credentials');
    await page.getByText(/reportRun .*FAILURE.*500/).waitFor();
    await picture('failed-webhook');
  });

  test('sums a run up under User Metadata', async () => {
    await openRun('restart_service', 'User Metadata');
    const { host } = new URL(world.service.url);
    const summary = `restart_service · POST ${host} · by executor@example.com`;
    await until('summary and details are rendered', async () => {
      const texts = await Promise.all(page.frames().map(textOf));
      return (
        texts.some((text) => text.trim() === summary) &&
        texts.some((text) => text.includes('Action: restart_service') && text.includes('Entity: checkout'))
      );
    });
    await picture('user-metadata');
  });

  test('has no common error to point out in a run, but for the note on duplicate ids', async () => {
    await page.goto(`${new URL(namespaceUrl).origin}/common-errors`);
    await page.getByText(EXPECTED_NOTE).waitFor();
    const titles = await page.locator('main .alert p.font-medium').allInnerTexts();
    expect(titles).toContain(EXPECTED_NOTE);
    expect(titles.length).toBeGreaterThan(20);
    const pointedOut = new Set<string>();
    // One of each workflow type, one of each end.
    for (const action of ['deploy_service', 'rotate_credentials']) {
      await openRun(action);
      await page.getByText(/^invoke • /).waitFor();
      const shown = await page.locator('body').textContent();
      for (const title of titles) if (shown?.includes(title)) pointedOut.add(title);
    }
    pointedOut.delete(EXPECTED_NOTE);
    expect([...pointedOut]).toEqual([]);
  });
});

async function rowsShown(page: Page): Promise<Record<string, string>[]> {
  const titles = await page.locator('main table thead th').allInnerTexts();
  const rows = await page.locator('main table tbody tr').all();
  const texts = await Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()));
  return texts
    .map((cells) => Object.fromEntries(titles.map((title, i) => [title.trim(), cells[i]?.trim() ?? ''])))
    .filter((row) => row['Workflow ID']);
}

/** What the UI renders from Markdown is in frames, which it replaces while it renders. */
function textOf(frame: Frame): Promise<string> {
  return frame
    .locator('body')
    .textContent({ timeout: 3000 })
    .then((text) => text ?? '')
    .catch(() => '');
}
