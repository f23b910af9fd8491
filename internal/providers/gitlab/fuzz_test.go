package gitlab

import (
	"testing"
	"time"
)

func FuzzExpiryDate(f *testing.F) {
	for _, seed := range []string{"2027-01-31", "2027-01-31T00:00:00Z", "31/01/2027", "", "0000-00-00", "9999-12-31", "2027-02-30", "2027-01-31T24:00:00+99:99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, date string) {
		expires, answers := readExpiry(&date)
		if expires.IsZero() && date != "" && len(answers) != 1 && date[0] != '0' {
			t.Errorf("%q gives neither an end nor an answer", date)
		}
		if day, err := time.Parse(time.DateOnly, date); err == nil && !expires.Before(day) {
			t.Errorf("%q is said to live until %v", date, expires)
		}
	})
}

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"error":"invalid_token","error_description":"Token is expired."}`, `{"message":{"base":["x"]}}`, `{"error":{"a":1}}`, `null`, `Retry later`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if reason, why := refusedReason(body); reason == "" || why.IsZero() {
			t.Errorf("no reason for %q", body)
		}
	})
}
