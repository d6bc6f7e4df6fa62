package main

import (
	"io"
	"log/slog"
	"net"

	"github.com/wireproof/wireproof/internal/config"
)

// newLogger returns a log as the settings want it.
func newLogger(w io.Writer, l config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // the settings have been checked
	}
	opts := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// requestLevel is the level of the line for each request.
func requestLevel(l config.Log) slog.Level {
	if l.Requests {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// warnIfOpen says loudly when everybody in reach may do everything.
func warnIfOpen(log *slog.Logger, cfg *config.Server) {
	if cfg.Auth.Guarded() || onlyLoopback(cfg.Listen) {
		return
	}
	log.Warn("everybody who reaches this address may read, write and delete, since no credentials are asked for",
		"listen", cfg.Listen, "fix", "set auth in the settings, or listen on 127.0.0.1")
}

// onlyLoopback reports whether an address is reached from this machine only.
func onlyLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
