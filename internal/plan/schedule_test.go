package plan_test

import (
	"strings"
	"testing"

	"reconciler/internal/plan"
)

func TestParseSchedule(t *testing.T) {
	for expr, want := range map[string]string{
		"0 22 * * 1-5":                 "",
		"  0\t22  * * 1-5 ":            "",
		"*/15 8-18/2 1,15 1-12 0-7":    "",
		"59 23 31 12 7":                "",
		"0 0 * jan,feb-MAR mon-Fri,7":  "",
		"":                             "it has 0 fields, not 5",
		"@daily":                       "it has 1 field, not 5",
		"0 0 * *":                      "it has 4 fields, not 5",
		"0 0 0 * * *":                  "it has 6 fields, not 5",
		"TZ=UTC 0 0 * * *":             "it has 6 fields, not 5",
		"60 0 * * *":                   `minute "60": it is * alone, or made of numbers from 0 to 59`,
		"0 24 * * *":                   `hour "24": it is * alone, or made of numbers from 0 to 23`,
		"0 0 0 * *":                    `day of the month "0": it is * alone, or made of numbers from 1 to 31`,
		"0 0 * 13 *":                   `month "13": it is * alone, or made of numbers from 1 to 12 or of JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC`,
		"0 0 * * 8":                    `day of the week "8"`,
		"MON 0 * * *":                  `minute "MON"`,
		"0 0 * MON *":                  `month "MON"`,
		"0 0 L * *":                    `day of the month "L"`,
		"0 0 15W * *":                  `day of the month "15W"`,
		"0 0 * * 5#3":                  `day of the week "5#3"`,
		"0 0 ? * *":                    `day of the month "?"`,
		"5-1 0 * * *":                  `minute "5-1": the range ends before it begins`,
		"0 0 * * FRI-MON":              `day of the week "FRI-MON": the range ends before it begins`,
		"1-2-3 0 * * *":                `minute "1-2-3"`,
		"1,,2 0 * * *":                 `minute ""`,
		"*,5 0 * * *":                  `minute "*"`,
		"-1 0 * * *":                   `minute "-1"`,
		"+1 0 * * *":                   `minute "+1"`,
		"*/0 0 * * *":                  `minute "*/0": a step is a number from 1 to 59`,
		"*/70 0 * * *":                 `minute "*/70": a step is a number from 1 to 59`,
		"*/ 0 * * *":                   `minute "*/": a step`,
		"*/5/5 0 * * *":                `minute "*/5/5": a step`,
		"5/10 0 * * *":                 `minute "5/10": a step follows * or a range`,
		"99999999999999999999 0 * * *": `minute "99999999999999999999"`,
		"٣ 0 * * *":                    `minute "٣"`,
	} {
		schedule, err := plan.ParseSchedule(expr)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", expr, err)
		case want == "" && schedule.String() != strings.ToUpper(strings.Join(strings.Fields(expr), " ")):
			t.Errorf("%q became %q", expr, schedule)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: got error %v, want %s", expr, err, want)
		}
	}
}

func TestWindowsThatNeverOpenAreTold(t *testing.T) {
	for _, tt := range []struct {
		name        string
		allow, deny []string
		want        bool
	}{
		{"no windows", nil, nil, true},
		{"every night", []string{"0 22 * * * for 8h in Asia/Shanghai"}, nil, true},
		{"on the leap day", []string{"0 0 29 2 * for 24h in UTC"}, nil, true},
		{"on a day that no month has", []string{"0 0 31 4 * for 24h in UTC"}, nil, false},
		{"denied for ever", nil, []string{"0 0 * * * for 24h in UTC"}, false},
		{"denied minute by minute", nil, []string{"* * * * * for 1m in UTC"}, false},
		{"denied whenever allowed", []string{"0 9 * * 1 for 1h in UTC"}, []string{"0 0 * * 1 for 24h in UTC"}, false},
	} {
		if got := windows(t, tt.allow, tt.deny).OpensEver(); got != tt.want {
			t.Errorf("%s: ever open %v, want %v", tt.name, got, tt.want)
		}
	}
}
