package process

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Program is a command whose whole run is timed.
type Program struct {
	Name string
	Path string
	Args []string
	Env  []string
	Want string // what it must print, without the line break; "": anything
}

// Lap is what a program came to: medians over all rounds, and the memory of the largest.
type Lap struct {
	Name   string
	Wall   time.Duration
	CPU    time.Duration
	Memory int64   // bytes
	Ratio  float64 // the median of wall time over that of the first program in the same round
}

// Race runs the programs in turn, round by round, so that whatever else the machine does falls on all of them alike.
func Race(ctx context.Context, rounds int, programs ...Program) ([]Lap, error) {
	walls, cpus := make([][]time.Duration, len(programs)), make([][]time.Duration, len(programs))
	ratios := make([][]float64, len(programs))
	laps := make([]Lap, len(programs))
	for round := range rounds + 2 { // the first two bring the programs into memory
		for i, program := range programs {
			wall, cpu, memory, err := program.run(ctx)
			if err != nil {
				return nil, err
			}
			if round < 2 {
				continue
			}
			walls[i], cpus[i] = append(walls[i], wall), append(cpus[i], cpu)
			ratios[i] = append(ratios[i], float64(wall)/float64(walls[0][len(walls[0])-1]))
			laps[i].Memory = max(laps[i].Memory, memory)
		}
	}
	for i, program := range programs {
		laps[i].Name, laps[i].Wall, laps[i].CPU, laps[i].Ratio = program.Name, median(walls[i]), median(cpus[i]), median(ratios[i])
	}
	return laps, nil
}

func (p *Program) run(ctx context.Context) (wall, cpu time.Duration, memory int64, err error) {
	command := exec.CommandContext(ctx, p.Path, p.Args...)
	command.Env = p.Env
	begun := time.Now()
	out, err := command.Output()
	wall = time.Since(begun)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%s: %w", p.Name, err)
	}
	if p.Want != "" && strings.TrimSpace(string(out)) != p.Want {
		return 0, 0, 0, fmt.Errorf("%s did not print what it should", p.Name)
	}
	state := command.ProcessState
	return wall, state.UserTime() + state.SystemTime(), largest(state), nil
}

func median[T int64 | time.Duration | float64](values []T) T {
	var none T
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
