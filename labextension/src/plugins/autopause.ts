import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { UUID } from '@lumino/coreutils';
import { parseNews, saveAskedBy } from '../pause/report';
import { Heartbeat } from '../pause/heartbeat';
import { PauseClient } from '../pause/client';
import { PauseModel } from '../pause/model';
import { isPauseNear } from '../pause/views';
import { serverPart } from '../restapi';
import { ISavable, saveAll, unsavedPaths } from '../pause/saveall';
import { pauseInWords } from '../sentences';
import type { IClocks } from '../pause/serverclock';
import { AUTOPAUSE_SCHEMA, COUNTDOWN_CLASS, EXTENSION, IAutopause, TRANSLATION_DOMAIN } from '../tokens';

const CLOCKS: IClocks = { monotonic: () => performance.now(), wall: () => Date.now() };
const INPUTS = ['keydown', 'pointerdown', 'wheel'] as const;
const SECOND_MS = 1000;
const NEXT_TRY_MS = 30_000;

/** Knows when this environment will be paused, reports activity to the server, and saves everything before. */
export const autopausePlugin: JupyterFrontEndPlugin<IAutopause> = {
  id: `${EXTENSION}:autopause`,
  description: 'Reports activity to the server, and saves everything before a pause.',
  autoStart: true,
  provides: IAutopause,
  requires: [IDocumentManager],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, documents: IDocumentManager, translator: ITranslator | null): IAutopause => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const model = new PauseModel(CLOCKS, report => pauseInWords(report, trans));
    const client = new PauseClient(app.serviceManager.serverSettings, UUID.uuid4(), model, CLOCKS);
    void begin(app, documents, model, client);
    return { model, refresh: () => client.refresh(), ask: request => client.ask(request) };
  }
};

async function begin(
  app: JupyterFrontEnd,
  documents: IDocumentManager,
  model: PauseModel,
  client: PauseClient
): Promise<void> {
  if (!serverPart().autopause) {
    return; // nothing here can pause, or nothing is known of it
  }
  await app.restored; // what the person waits for comes first
  while ((await client.refresh()) && model.known === null) {
    await laterWhileVisible(); // the server is away
  }
  if (model.known === null) {
    return; // it has no such part: nothing is sent and nothing is shown
  }
  const unsaved = () => savables(app, documents);
  followInput(model, client, unsaved);
  followEvents(app, model, client, unsaved);
  letTimePass(model, client);
}

async function laterWhileVisible(): Promise<void> {
  do {
    await new Promise(resolve => window.setTimeout(resolve, NEXT_TRY_MS));
  } while (!isVisible());
}

function followInput(model: PauseModel, client: PauseClient, documents: () => readonly ISavable[]): void {
  const heartbeat = new Heartbeat({
    send: beat => client.beat(beat),
    clocks: CLOCKS,
    every: (act, ms) => {
      const timer = window.setInterval(act, ms);
      return () => window.clearInterval(timer);
    },
    isVisible,
    hasUnsaved: () => unsavedPaths(documents()).length > 0,
    isUrgent: () => model.known !== null && isPauseNear(model.known.report.state)
  });
  const note = (event: Event) => {
    if (event.isTrusted) {
      // A person about to press a button of the countdown must find it there.
      heartbeat.noteInput({ mayBeUrgent: !isInCountdown(event.target) });
    }
  };
  INPUTS.forEach(name => window.addEventListener(name, note, { capture: true, passive: true }));
  document.addEventListener('visibilitychange', () => heartbeat.noteVisibility());
  window.addEventListener('pagehide', event => {
    if (!event.persisted) {
      client.leave();
    }
  });
  const follow = () => heartbeat.setRunning(model.known?.report.enabled === true);
  model.changed.connect(follow);
  follow();
}

function followEvents(
  app: JupyterFrontEnd,
  model: PauseModel,
  client: PauseClient,
  documents: () => readonly ISavable[]
): void {
  app.serviceManager.events.stream.connect((_, event) => {
    if (event.schema_id !== AUTOPAUSE_SCHEMA) {
      return;
    }
    if (saveAskedBy(event) !== null) {
      void saveAndTell(documents(), client);
    }
    const news = parseNews(event);
    if (news !== null) {
      model.noteNews(news);
    }
    if (isVisible() && model.known?.report.enabled) {
      void client.refresh(); // events do not contain everything
    }
  });
}

/**
 * Save everything, and report the result. What is being saved is reported first: a save can take longer than the
 * server waits, or stop at a question to the person.
 */
async function saveAndTell(documents: readonly ISavable[], client: PauseClient): Promise<void> {
  const unsaved = unsavedPaths(documents);
  const reported = unsaved.length > 0 ? client.unsaved(unsaved, true) : Promise.resolve();
  const left = await saveAll(documents);
  await reported;
  await (left.length > 0 ? client.unsaved(left, false) : client.saved());
}

/** What is shown of the time that is left changes each second while a pause is near, and now and then otherwise. */
function letTimePass(model: PauseModel, client: PauseClient): void {
  let seconds = 0;
  window.setInterval(() => {
    seconds += 1;
    const known = model.known;
    if (!isVisible() || known === null || !known.report.enabled) {
      return;
    }
    if (model.isOutOfTime) {
      void client.refresh();
    }
    if (isPauseNear(known.report.state) || seconds % SECONDS_BETWEEN_ROUGH_TIMES === 0) {
      model.tick();
    }
  }, SECOND_MS);
}

const SECONDS_BETWEEN_ROUGH_TIMES = 20;

function savables(app: JupyterFrontEnd, documents: IDocumentManager): readonly ISavable[] {
  const contexts = new Set([...app.shell.widgets('main')].map(widget => documents.contextForWidget(widget)));
  return [...contexts].flatMap(context =>
    context === undefined
      ? []
      : [
          {
            get path() {
              return context.path;
            },
            get isDirty() {
              return !context.isDisposed && context.model.dirty;
            },
            get canSave() {
              return context.canSave !== false && context.contentsModel?.writable !== false;
            },
            save: () => context.save()
          }
        ]
  );
}

function isVisible(): boolean {
  return document.visibilityState === 'visible';
}

function isInCountdown(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(`.${COUNTDOWN_CLASS}`) !== null;
}
