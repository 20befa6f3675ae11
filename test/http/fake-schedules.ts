/** Schedules that keep what they were told and answer what a test put there. */
import type { Schedules, ScheduleView } from "../../actors/orchestrator.ts";
import { Refusal } from "../../src/system/errors.ts";

export const scheduleView = (over: Partial<ScheduleView> = {}): ScheduleView => ({
  name: "nightly",
  blueprint: "simple",
  timing: "every day at 06:30",
  timezone: "Europe/Berlin",
  missed: "skip",
  overlap: "allow",
  jitterMs: 0,
  isEnabled: true,
  isPaused: false,
  ...over,
});

export interface FakeSchedules extends Schedules {
  readonly told: string[];
  views: ScheduleView[];
  problem: string | undefined;
}

export function createFakeSchedules(): FakeSchedules {
  const find = (name: string, what: string) => {
    if (!fake.views.some((view) => view.name === name)) {
      throw new Refusal("SCHEDULE_NOT_FOUND", 404, `There is no schedule named "${name}"; did you mean nightly?`);
    }
    fake.told.push(`${what} ${name}`);
  };
  const fake: FakeSchedules = {
    told: [],
    views: [scheduleView()],
    problem: undefined,
    list: async () => ({ file: "schedules.toml", problem: fake.problem, schedules: fake.views }),
    async trigger(name, key) {
      find(name, `trigger ${key ?? "without a key"}`);
      return "job-1";
    },
    pause: async (name) => find(name, "pause"),
    resume: async (name) => find(name, "resume"),
    async reload() {
      if (fake.problem !== undefined) throw new Refusal("WRONG_SCHEDULE", 400, fake.problem);
      fake.told.push("reload");
      return fake.views.length > 0;
    },
  };
  return fake;
}
