package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"time"

	"reconciler/internal/client"
	"reconciler/internal/sandbox"
)

const vaultToken = "hvs.bench"

// daemonPatience limits the wait until a daemon shows all bindings.
const daemonPatience = 5 * time.Minute

// measureDaemons measures count daemons of program, one after the other, and get with
// the last of them.
func (o options) measureDaemons(ctx context.Context, program string, w world) (shown, get series, err error) {
	shown.name = "daemon"
	for range o.count {
		used, asked, err := o.measureDaemon(ctx, program, w)
		if err != nil {
			return shown, get, err
		}
		shown.runs, get = append(shown.runs, used), asked
	}
	return shown, get, nil
}

// measureDaemon starts a daemon of program with an empty state on a world, waits
// until all bindings are shown, and asks for them count times.
func (o options) measureDaemon(ctx context.Context, program string, w world) (shown usage, get series, err error) {
	vault := sandbox.NewVault(vaultToken, nil)
	for _, path := range w.secrets {
		vault.Put("secret", path, map[string]string{"token": "glpat-bench"})
	}
	server := httptest.NewServer(vault.Handler())
	defer server.Close()
	// A socket's path is limited to about 100 bytes.
	dir, err := os.MkdirTemp("", "rb")
	if err != nil {
		return shown, get, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config, socket, err := w.configure(dir, server.URL)
	if err != nil {
		return shown, get, err
	}
	daemon := exec.CommandContext(ctx, program, "run", "--config", config) //nolint:gosec // The caller names the program.
	began := time.Now()
	if err := daemon.Start(); err != nil {
		return shown, get, err
	}
	defer func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	}()
	if err := awaitBindings(ctx, socket, w.bindings); err != nil {
		return shown, get, err
	}
	if shown, err = usageOf(daemon.Process.Pid, time.Since(began)); err != nil {
		return shown, get, err
	}
	get, err = o.repeat(ctx, "get", dir, program, "get", "--config", config)
	return shown, get, err
}

// awaitBindings waits until the daemon at socket shows want bindings.
func awaitBindings(ctx context.Context, socket string, want int) error {
	ctx, cancel := context.WithTimeout(ctx, daemonPatience)
	defer cancel()
	for {
		began := time.Now()
		shown, err := shownBindings(ctx, socket)
		if err == nil && shown == want {
			return nil
		}
		// An earlier build answers with everything, so limit the requests to a fifth
		// of the time.
		pause := time.NewTimer(max(time.Second/10, 4*time.Since(began)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("only %d of %d bindings are shown after %v", shown, want, daemonPatience), err)
		}
	}
}

// shownBindings asks the daemon at socket how many bindings have been synced. The
// daemon also lists the others, with everything unknown. The client also reads the
// answers of an earlier build.
func shownBindings(ctx context.Context, socket string) (synced int, err error) {
	rows, err := client.New(socket).Rows(ctx)
	for _, row := range rows {
		if !row.LastSync.IsZero() {
			synced++
		}
	}
	return synced, err
}
