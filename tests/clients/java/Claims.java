// Claims.java -- prints a line for each claim, in the form that lib/claims.py counts: "ok CLAIM" or
// "FAILED CLAIM :: what was found instead".

package clients;

import java.util.Objects;
import java.util.concurrent.ExecutionException;

final class Claims {
    interface Body {
        void run() throws Exception;
    }

    interface Value<T> {
        T get() throws Exception;
    }

    private String place = "";

    /** What goes wrong in the body, beside what it claims, is a failure under its name. */
    void about(String subject, Body body) {
        place = subject + ": ";
        try {
            body.run();
        } catch (Exception e) {
            tell("goes through", false, unwrap(e).toString());
        }
    }

    void equal(String claim, Object wanted, Object found) {
        tell(claim, Objects.equals(wanted, found), "wanted " + wanted + ", found " + found);
    }

    void holds(String claim, boolean holds, Object found) {
        tell(claim, holds, "found " + found);
    }

    /** The claim is that the call fails, with this very kind of error. */
    void refused(String claim, Class<? extends Exception> wanted, Value<?> call) {
        String found;
        try {
            found = "no error, but " + call.get();
        } catch (Exception e) {
            Throwable error = unwrap(e);
            if (wanted.isInstance(error)) {
                tell(claim + " (" + wanted.getSimpleName() + ")", true, "");
                return;
            }
            found = error.toString();
        }
        tell(claim + " (" + wanted.getSimpleName() + ")", false, found);
    }

    /** Gives a cluster time that answers before all its brokers know (see --settle of `run`). */
    static <T> T settled(T answer) throws InterruptedException {
        String milliseconds = System.getenv("SETTLE_MS");
        if (milliseconds != null) Thread.sleep(Long.parseLong(milliseconds));
        return answer;
    }

    static Throwable unwrap(Throwable e) {
        return e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
    }

    private void tell(String claim, boolean holds, String detail) {
        System.out.println((holds ? "ok " : "FAILED ") + place + claim
            + (holds ? "" : " :: " + detail.replace('\n', ' ')));
    }
}
