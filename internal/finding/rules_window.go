package finding

// windowSource is where the rules about windows come from.
const windowSource = "this project's design: docs/windows.md"

// windowRules are about when instances may be changed.
func windowRules() []Rule {
	return []Rule{
		{
			Code: "window-schedule", Severity: Error,
			Sentence: "A window's schedule is a cron expression of five fields.",
			Hint:     "Write minute, hour, day of the month, month and day of the week: \"0 22 * * 1-5\" is 22:00 from Monday to Friday.",
			Explanation: `Fields hold *, numbers, ranges (1-5) and steps (*/15, 8-18/2), several of them with commas, and names of months and
days of the week. What some tools add to cron (seconds, years, @daily, L, W, #) is not taken: they do not agree on what it means. A
window that cannot be read would leave it open when the instance may be changed, so the configuration is refused.`,
			Source: windowSource,
		},
		{
			Code: "window-time-zone", Severity: Error,
			Sentence: "A window's time zone is one of the IANA database.",
			Hint:     "Write a name such as Asia/Shanghai, Europe/Berlin or UTC.",
			Explanation: `The program brings the database along, so a zone is known whatever the machine has. The machine's own zone (Local) is
not taken, for the same configuration would mean another time elsewhere; abbreviations such as CST mean several.`,
			Source: windowSource,
		},
		{
			Code: "window-duration", Severity: Error,
			Sentence: "A window stays open from one minute to 31 days.",
			Hint:     "Write the duration in Go's notation, for example 90m or 8h.",
			Explanation: `A window of no length never opens, and one of more than a month is more likely a mistyped unit. For a longer one,
write several that follow each other.`,
			Source: windowSource,
		},
		{
			Code: "window-never-opens", Severity: Error,
			Sentence: "Windows open at some time.",
			Hint:     "Look at the days of the schedule, and at what deny leaves of what allow opens.",
			Explanation: `A schedule for the 30th of February never comes, and windows that are denied whenever they are allowed would keep the
instance as it is for ever. Whoever wants that suspends the bindings, which has a reason and an end. It is checked over the years 2024
to 2028, a leap year among them.`,
			Source: windowSource,
		},
		{
			Code: "window-closed", Severity: Info,
			Sentence: "An instance is changed only while its windows are open.",
			Hint:     "Wait until it opens; the daemon goes on by itself then. In an emergency, --break-glass with a name and a reason applies it at once.",
			Explanation: `The plan is the same inside and outside of windows, and so is its digest: what was reviewed is what will be applied.
Outside, actions that change the instance wait, with the outcome "deferred"; looking goes on, and so does taking over what is there as
declared. A step for a person is shown all the same, and should wait too.`,
			Source: windowSource,
		},
	}
}
