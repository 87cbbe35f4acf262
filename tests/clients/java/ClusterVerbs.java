// ClusterVerbs.java -- the cluster that the tests were started on, by its verbs (see lib/cluster.py).

package clients;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

final class ClusterVerbs {
    private ClusterVerbs() {}

    static void kill(int broker) throws IOException, InterruptedException {
        run("kill", "broker-" + broker);
    }

    static void start(int broker) throws IOException, InterruptedException {
        run("start", "broker-" + broker);
    }

    private static void run(String verb, String... args) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(Arrays.asList(System.getenv("CLUSTER").split(" ")));
        words.addAll(List.of(verb, "--dir", System.getenv("CLUSTER_DIR")));
        words.addAll(Arrays.asList(args));
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) throw new IOException(String.join(" ", words) + ": " + said);
    }
}
