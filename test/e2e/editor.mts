import type { Locator, Page } from 'playwright-core';

/** Which option, where several dropdowns may be in the page and only one is open. */
const option = (page: Page, name: string) => page.getByRole('option').filter({ visible: true, has: page.getByText(name, { exact: true }) });

export const shown = async (locator: Locator) => await locator.first().waitFor();
export const gone = async (locator: Locator) => await locator.waitFor({ state: 'hidden' });

export type Editor = ReturnType<typeof editorOf>;

/** What a user sees and does in n8n's editor. */
export function editorOf(page: Page) {
	const id = (testId: string) => page.getByTestId(testId);
	const ndv = id('ndv');
	const input = (parameter: string) => ndv.getByTestId(`parameter-input-${parameter}`);
	const canvasNode = (name: string) => id('canvas-node').filter({ hasText: name }).first();
	const executeButton = ndv.getByTestId('node-execute-button');
	const output = id('output-panel');

	return {
		id,
		canvasNode,
		/** A parameter's field in the open node. */
		input,
		/** The open node's output panel. */
		output,

		/** By the mouse, in the small steps that n8n takes for a drag. */
		async drag(what: Locator, target: Locator, targetPosition?: { x: number; y: number }) {
			await what.dragTo(target, { steps: 20, targetPosition });
		},

		async open(name: string) {
			await canvasNode(name).dblclick();
			await shown(ndv);
		},

		async close() {
			await id('ndv-close-button').click();
			await gone(ndv);
		},

		/** Types into a text or number field and leaves it. */
		async type(parameter: string, text: string) {
			const field = input(parameter).locator('input');
			await field.fill(text);
			await field.blur();
		},

		/** Chooses in a dropdown and leaves it. */
		async choose(parameter: string, ...names: string[]) {
			await input(parameter).click();
			for (const name of names) await option(page, name).click();
			await page.keyboard.press('Tab');
		},

		async toggle(parameter: string) {
			await input(parameter).locator('.el-switch').click();
		},

		/** Hovers over what explains a parameter, until that says so. */
		async explain(parameter: string, text: string) {
			const label = ndv.locator(`label[for="${parameter}"]`);
			await label.hover();
			await label.locator('[data-icon="circle-help"]').hover();
			await shown(page.getByText(text));
		},

		/** Adds fields to a collection. */
		async add(placeholder: string, ...names: string[]) {
			for (const name of names) {
				await ndv.getByPlaceholder(placeholder).click();
				await option(page, name).click();
			}
		},

		/** Executes the step, and waits for what it leads to in the output panel. */
		async execute(...texts: string[]) {
			// On a busy machine, n8n may not take a click.
			for (let isRun = false; !isRun; ) {
				const answer = page.waitForResponse(/\/rest\/workflows\/[^/]+\/run/, { timeout: 15_000 });
				await executeButton.click();
				isRun = await answer.then(
					() => true,
					() => false,
				);
			}
			for (const text of texts) await shown(output.getByText(text));
			await gone(executeButton.locator('.n8n-spinner'));
			// As soon as n8n would let it be pressed again.
			await executeButton.click({ trial: true });
		},

		async scrollToTop() {
			await input('resource').scrollIntoViewIfNeeded();
		},
	};
}
