"""Is this picture fit to be measured? One file a check; the door is `judge.judge_plane`."""
